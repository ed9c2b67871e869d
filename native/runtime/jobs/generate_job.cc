#include "runtime/jobs/jobs.h"

#include <algorithm>

#include "runtime/sequence_language_model.h"

namespace ragdraft::runtime {
namespace {

class Generate final : public Job {
 public:
  Generate(GenerateRequest r, std::function<void(std::vector<TokenId>)> on_tokens, Done<Generated> done)
      : target_(r.target),
        draft_model_(r.draft_model),
        self_(std::move(r.self_drafter)),
        target_model_(r.target ? std::make_unique<SequenceLanguageModel>(*r.target, cancelled()) : nullptr),
        drafting_model_(r.draft_model ? std::make_unique<SequenceLanguageModel>(*r.draft_model, cancelled()) : nullptr),
        self_drafting_(self_ ? std::make_unique<SequenceLanguageModel>(*r.target, cancelled(), self_->precision, &self_->selection) : nullptr),
        decoder_(target_model_.get(), std::move(r.target_pending), drafting_model_.get(), std::move(r.draft_pending), std::move(r.params),
                 self_drafting_.get()),
        on_tokens_(std::move(on_tokens)),
        done_(std::move(done)) {
    check(!self_ || self_->selection.tail() <= target_->sequence->length(), Code::kInvalidArgument,
          "a selection's tail lies after the target's cache");
  }
  bool step() override {
    const std::span<const TokenId> tokens = decoder_.step();
    if (!tokens.empty()) on_tokens_({tokens.begin(), tokens.end()});
    return decoder_.finish() != decoding::Finish::kNone;
  }
  void finish() override { end(nullptr); }
  void fail(const Error& error) override { end(&error); }

 private:
  void end(const Error* error) {
    const Generated result{decoder_.stats(), decoder_.finish(), decoder_.costs(), drafting_model_ != nullptr, self_.has_value()};
    target_.release();
    draft_model_.release();
    done_(error, result);
  }

  Lease target_, draft_model_;
  std::optional<SelfDrafter> self_;
  std::unique_ptr<SequenceLanguageModel> target_model_, drafting_model_, self_drafting_;
  decoding::Decoder decoder_;
  std::function<void(std::vector<TokenId>)> on_tokens_;
  Done<Generated> done_;
};

// Of the backend that all models of the request are on, if it is one.
sampling::Rounds* common_rounds(const GenerateRequest& request) {
  sampling::Rounds* const of_target = request.target ? request.target->model->rounds() : nullptr;
  sampling::Rounds* const of_drafter = request.draft_model ? request.draft_model->model->rounds() : nullptr;
  if (!request.target || !request.draft_model) return request.target ? of_target : of_drafter;
  return of_target == of_drafter ? of_target : nullptr;
}

double weight_bytes(const Model& model, ops::Precision precision) {
  return double(precision == ops::Precision::kDraft ? model.draft_bytes() : model.weight_bytes());
}

// What earlier answers with the same drafters have measured. In another mode, with other weights, another cache or another second drafter, a
// drafter is another one to the draft policy.
std::shared_ptr<decoding::DraftPolicy> costs_of(const GenerateRequest& request) {
  constexpr int kModes = int(decoding::Mode::kPaper) + 1, kPrecisions = int(ops::Precision::kDraft) + 1;
  const int of_model = request.draft_model ? 1 + int(request.draft_model->precision) : 0;
  const int of_self = request.self_drafter ? 1 + int(request.self_drafter->precision) : 0;
  const auto& drafter = request.draft_model ? request.draft_model : request.target;
  return request.target->history->of(drafter->model, (of_model * (kPrecisions + 1) + of_self) * kModes + int(request.params.mode));
}

// For as long as nothing is measured: a step takes as long as reading the weights, and the keys and values that there are.
void guess_costs(const GenerateRequest& request, decoding::DecodeParams& params) {
  const Model& target = *request.target->model;
  const kv::Sequence& cache = *request.target->sequence;
  const double plain_bytes = double(target.weight_bytes()) + double(cache.bytes());
  if (request.self_drafter) {
    const double left_out = double(request.self_drafter->selection.skipped()) / std::max(1, cache.length());
    const double cache_bytes = double(cache.bytes()) * std::max(0.0, 1 - left_out);
    params.self_drafter_share = (weight_bytes(target, request.self_drafter->precision) + cache_bytes) / plain_bytes;
  }
  if (!request.draft_model) return;
  const double draft_bytes = weight_bytes(*request.draft_model->model, request.draft_model->precision);
  params.draft_model_share = draft_bytes / plain_bytes;
  params.read_ms = request.target->history->read_ms() * draft_bytes / double(target.weight_bytes());
}

}  // namespace

std::shared_ptr<Job> generate_job(GenerateRequest request, std::function<void(std::vector<TokenId>)> on_tokens, Done<Generated> done) {
  check(!request.self_drafter || (request.target && request.draft_model != request.target), Code::kInvalidArgument,
        "a self-drafter needs a target, and a draft model with it a cache of its own");
  if (request.target && (request.draft_model || request.self_drafter)) {
    request.params.costs = costs_of(request);
    guess_costs(request, request.params);
  }
  request.params.rounds = common_rounds(request);
  return std::make_shared<Generate>(std::move(request), std::move(on_tokens), std::move(done));
}

}  // namespace ragdraft::runtime
