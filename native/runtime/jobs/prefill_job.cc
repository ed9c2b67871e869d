#include "runtime/jobs/jobs.h"

#include <algorithm>
#include <chrono>

namespace ragdraft::runtime {
namespace {

class Prefill final : public Job {
 public:
  Prefill(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, Progress progress, Done<std::monostate> done)
      : lease_(std::move(sequence)), tokens_(std::move(tokens)), progress_(std::move(progress)), done_(std::move(done)) {
    lease_->check_capacity(tokens_.size());
  }
  bool step() override {
    const size_t count = std::min<size_t>(kMaxPassRows, tokens_.size() - next_);
    const auto begin = std::chrono::steady_clock::now();
    if (count > 0) {
      const model::SequenceRows rows{lease_->sequence.get(), lease_->precision, std::span(tokens_).subspan(next_, count)};
      lease_->model->forward(std::span(&rows, 1), nullptr, &cancelled());
      next_ += count;
      const bool last = next_ == tokens_.size();
      if (last) lease_->model->wait();
      ms_ += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
      // Less than one full pass does not tell what a token of a long text takes.
      if (last && next_ >= kMaxPassRows) lease_->history->record_reading(ms_ / double(next_));
      progress_(int64_t(next_), int64_t(tokens_.size()));
    }
    return next_ == tokens_.size();
  }
  void finish() override {
    lease_.release();
    done_(nullptr, {});
  }
  void fail(const Error& error) override {
    lease_.release();
    done_(&error, {});
  }

 private:
  Lease lease_;
  std::vector<TokenId> tokens_;
  size_t next_ = 0;
  double ms_ = 0;  // of the passes
  Progress progress_;
  Done<std::monostate> done_;
};

}  // namespace

std::shared_ptr<Job> prefill_job(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, Progress progress,
                                 Done<std::monostate> done) {
  return std::make_shared<Prefill>(std::move(sequence), std::move(tokens), std::move(progress), std::move(done));
}

}  // namespace ragdraft::runtime
