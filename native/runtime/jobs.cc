#include "runtime/jobs.h"

#include <algorithm>
#include <chrono>

#include "runtime/sequence_model.h"

namespace ragdraft::runtime {
namespace {

class ReadGguf final : public Job {
 public:
  ReadGguf(std::string path, Done<GgufPtr> done) : path_(std::move(path)), done_(std::move(done)) {}
  bool step() override {
    file_ = io::GgufFile::open(path_);
    return true;
  }
  void finish() override { done_(nullptr, std::move(file_)); }
  void fail(const Error& error) override { done_(&error, nullptr); }

 private:
  std::string path_;
  Done<GgufPtr> done_;
  GgufPtr file_;
};

class LoadModel final : public Job {
 public:
  LoadModel(std::string path, MakeBackend make_backend, const model::LoadOptions& options, Progress progress,
            Done<std::shared_ptr<Model>> done)
      : path_(std::move(path)), make_backend_(std::move(make_backend)), options_(options), progress_(std::move(progress)), done_(std::move(done)) {}
  bool step() override {
    if (!loader_) {
      loader_ = std::make_unique<model::ModelLoader>(path_, make_backend_(), options_);
    } else {
      loader_->step();
    }
    progress_(loader_->loaded_bytes(), loader_->total_bytes());
    return loader_->done();
  }
  void finish() override { done_(nullptr, loader_->take()); }
  void fail(const Error& error) override {
    loader_ = nullptr;
    done_(&error, nullptr);
  }

 private:
  std::string path_;
  MakeBackend make_backend_;
  model::LoadOptions options_;
  Progress progress_;
  Done<std::shared_ptr<Model>> done_;
  std::unique_ptr<model::ModelLoader> loader_;
};

void check_room(const Session& session, size_t tokens) {
  const int room = session.sequence->max_tokens() - session.sequence->length();
  if (tokens > size_t(room)) {
    throw Error(Code::kContextOverflow, std::to_string(tokens) + " tokens do not fit: the sequence holds " + std::to_string(session.sequence->length()) +
                                            " of at most " + std::to_string(session.sequence->max_tokens()));
  }
}

class Prefill final : public Job {
 public:
  Prefill(std::shared_ptr<Session> session, std::vector<TokenId> tokens, Progress progress, Done<std::monostate> done)
      : lease_(std::move(session)), tokens_(std::move(tokens)), progress_(std::move(progress)), done_(std::move(done)) {
    check_room(*lease_.operator->(), tokens_.size());
  }
  bool step() override {
    const size_t count = std::min<size_t>(Model::kMaxRows, tokens_.size() - next_);
    const auto begin = std::chrono::steady_clock::now();
    if (count > 0) {
      const model::SequenceRows rows{lease_->sequence.get(), lease_->precision, std::span(tokens_).subspan(next_, count)};
      lease_->model->forward(std::span(&rows, 1), nullptr, &cancelled());
      next_ += count;
      if (next_ == tokens_.size()) lease_->model->wait();
      ms_ += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
      if (next_ == tokens_.size() && next_ >= kLongText) lease_->history->record_reading(ms_ / double(next_));
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
  static constexpr size_t kLongText = 256;  // tokens whose reading tells what a token takes
  Lease lease_;
  std::vector<TokenId> tokens_;
  size_t next_ = 0;
  double ms_ = 0;  // of the passes
  Progress progress_;
  Done<std::monostate> done_;
};

class Evaluate final : public Job {
 public:
  Evaluate(std::shared_ptr<Session> session, std::vector<TokenId> tokens, int rows, Done<std::vector<float>> done)
      : lease_(std::move(session)), tokens_(std::move(tokens)), rows_(rows), done_(std::move(done)) {
    check_room(*lease_.operator->(), tokens_.size());
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

class Generate final : public Job {
 public:
  Generate(GenerateRequest r, std::function<void(std::vector<TokenId>)> on_tokens, Done<Generated> done)
      : target_(r.target),
        drafter_(r.drafter),
        shared_(std::move(r.shared)),
        target_model_(r.target ? std::make_unique<SequenceModel>(*r.target, cancelled()) : nullptr),
        drafter_model_(r.drafter ? std::make_unique<SequenceModel>(*r.drafter, cancelled()) : nullptr),
        guest_model_(shared_ ? std::make_unique<SequenceModel>(*r.target, cancelled(), shared_->precision, &shared_->selection) : nullptr),
        decoder_(target_model_.get(), std::move(r.target_pending), (drafter_model_ ? drafter_model_ : guest_model_).get(),
                 std::move(r.drafter_pending), std::move(r.params), drafter_model_ ? guest_model_.get() : nullptr),
        on_tokens_(std::move(on_tokens)),
        done_(std::move(done)) {
    check(!shared_ || shared_->selection.tail() <= target_->sequence->length(), Code::kInvalidArgument,
          "a selection's tail lies behind the target's cache");
    note_committed();
  }
  bool step() override {
    const std::span<const TokenId> tokens = decoder_.step();
    note_committed();
    if (!tokens.empty()) on_tokens_({tokens.begin(), tokens.end()});
    return decoder_.finish() != decoding::Finish::kNone;
  }
  void finish() override {
    const Generated result{decoder_.stats(), decoder_.finish(), decoder_.costs(), drafter_model_ && guest_model_};
    release();
    done_(nullptr, result);
  }
  void fail(const Error& error) override {
    // A round that broke off has left drafts in the caches.
    if (target_) target_->sequence->truncate(std::min(target_committed_, target_->sequence->length()));
    if (drafter_) drafter_->sequence->truncate(std::min(drafter_committed_, drafter_->sequence->length()));
    const Generated so_far{decoder_.stats(), decoder_.finish(), decoder_.costs(), drafter_model_ && guest_model_};
    release();
    done_(&error, so_far);
  }

 private:
  void note_committed() {
    if (target_) target_committed_ = target_->sequence->length();
    if (drafter_) drafter_committed_ = drafter_->sequence->length();
  }
  void release() {
    target_.release();
    drafter_.release();
  }

  Lease target_, drafter_;
  std::optional<SharedDrafter> shared_;
  std::unique_ptr<SequenceModel> target_model_, drafter_model_, guest_model_;
  decoding::Decoder decoder_;
  int target_committed_ = 0, drafter_committed_ = 0;
  std::function<void(std::vector<TokenId>)> on_tokens_;
  Done<Generated> done_;
};

// Of the backend that all models of the request are on, if it is one.
sampling::Rounds* common_rounds(const GenerateRequest& request) {
  sampling::Rounds* const of_target = request.target ? request.target->model->rounds() : nullptr;
  sampling::Rounds* const of_drafter = request.drafter ? request.drafter->model->rounds() : nullptr;
  if (!request.target || !request.drafter) return request.target ? of_target : of_drafter;
  return of_target == of_drafter ? of_target : nullptr;
}

}  // namespace

std::shared_ptr<Job> read_gguf_job(std::string path, Done<GgufPtr> done) { return std::make_shared<ReadGguf>(std::move(path), std::move(done)); }

std::shared_ptr<Job> load_model_job(std::string path, MakeBackend make_backend, const model::LoadOptions& options, Progress progress,
                                    Done<std::shared_ptr<Model>> done) {
  return std::make_shared<LoadModel>(std::move(path), std::move(make_backend), options, std::move(progress), std::move(done));
}

std::shared_ptr<Job> prefill_job(std::shared_ptr<Session> session, std::vector<TokenId> tokens, Progress progress, Done<std::monostate> done) {
  return std::make_shared<Prefill>(std::move(session), std::move(tokens), std::move(progress), std::move(done));
}

std::shared_ptr<Job> evaluate_job(std::shared_ptr<Session> session, std::vector<TokenId> tokens, int rows, Done<std::vector<float>> done) {
  return std::make_shared<Evaluate>(std::move(session), std::move(tokens), rows, std::move(done));
}

std::shared_ptr<Job> generate_job(GenerateRequest request, std::function<void(std::vector<TokenId>)> on_tokens, Done<Generated> done) {
  if (request.shared) {
    check(request.target && request.drafter != request.target, Code::kInvalidArgument,
          "a shared drafter needs a target, and a drafter beside it another cache");
    request.params.shared_cache = !request.drafter;
  }
  if (request.target && (request.drafter || request.shared)) {
    // In another mode, with other weights, another cache or another drafter beside it, it is another drafter to the cost model.
    constexpr int kModes = int(decoding::Mode::kPaper) + 1, kPrecisions = int(ops::Precision::kDraft) + 1;
    const int of_drafter = request.drafter ? 1 + int(request.drafter->precision) : 0, of_shared = request.shared ? 1 + int(request.shared->precision) : 0;
    const int kind = of_drafter * (kPrecisions + 1) + of_shared;
    const auto& drafter = request.drafter ? request.drafter : request.target;
    request.params.costs = request.target->history->of(drafter->model, kind * kModes + int(request.params.mode));
    // Guesses: a step takes as long as reading the weights, and the keys and values that there are.
    const auto weights = [](const Model& model, ops::Precision precision) {
      return double(precision == ops::Precision::kDraft ? model.draft_bytes() : model.weight_bytes());
    };
    const kv::Sequence& cache = *request.target->sequence;
    const double plain_bytes = double(request.target->model->weight_bytes()) + double(cache.bytes());
    decoding::DecodeParams& params = request.params;
    if (request.shared) {
      const double left_out = double(request.shared->selection.skipped()) / std::max(1, cache.length());
      const double cache_bytes = double(cache.bytes()) * std::max(0.0, 1 - left_out);
      params.guest_share = (weights(*request.target->model, request.shared->precision) + cache_bytes) / plain_bytes;
    }
    const double drafter_bytes = request.drafter ? weights(*request.drafter->model, request.drafter->precision) : 0;
    params.draft_share = request.drafter ? drafter_bytes / plain_bytes : params.guest_share;
    params.read_ms = request.target->history->read_ms() * drafter_bytes / weights(*request.target->model, ops::Precision::kFull);
  }
  request.params.rounds = common_rounds(request);
  return std::make_shared<Generate>(std::move(request), std::move(on_tokens), std::move(done));
}

}  // namespace ragdraft::runtime
