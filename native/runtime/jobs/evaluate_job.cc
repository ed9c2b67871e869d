#include "runtime/jobs/jobs.h"

namespace ragdraft::runtime {
namespace {

class Evaluate final : public Job {
 public:
  Evaluate(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, int rows, Done<std::vector<float>> done)
      : lease_(std::move(sequence)), tokens_(std::move(tokens)), rows_(rows), done_(std::move(done)) {
    lease_->check_capacity(tokens_.size());
    check(rows >= 0 && rows <= kMaxEvaluatedRows, Code::kInvalidArgument, "logits of too many rows are asked for");
  }
  bool step() override {
    logits_.resize(size_t(rows_) * size_t(lease_->model->config().vocab));
    const model::SequenceRows rows{lease_->sequence.get(), lease_->precision, tokens_, rows_};
    lease_->model->forward(std::span(&rows, 1), logits_.data(), &cancelled());
    return true;
  }
  void finish() override {
    lease_.release();
    done_(nullptr, std::move(logits_));
  }
  void fail(const Error& error) override {
    lease_.release();
    done_(&error, {});
  }

 private:
  Lease lease_;
  std::vector<TokenId> tokens_;
  int rows_;
  std::vector<float> logits_;
  Done<std::vector<float>> done_;
};

}  // namespace

std::shared_ptr<Job> evaluate_job(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, int rows, Done<std::vector<float>> done) {
  return std::make_shared<Evaluate>(std::move(sequence), std::move(tokens), rows, std::move(done));
}

}  // namespace ragdraft::runtime
