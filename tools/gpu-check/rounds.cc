#include "rounds.h"

#include <memory>

#include "base/error.h"
#include "timing.h"

namespace ragdraft::gpu_check {
namespace {

constexpr TokenId kLastOfPrompt = 1;

// Cuts off what a measurement appended.
class Restored {
 public:
  explicit Restored(runtime::ModelSequence* session) : session_(session), length_(session ? session->sequence->length() : 0) {}
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;
  ~Restored() {
    if (session_) session_->sequence->truncate(length_);
  }

 private:
  runtime::ModelSequence* const session_;
  const int length_;
};

}  // namespace

decoding::DecodeParams RoundBench::params(int drafts, decoding::Mode mode) const {
  decoding::DecodeParams params;
  params.mode = drafts > 0 ? mode : decoding::Mode::kPlain;
  params.draft_length = drafts;
  params.ngram = false;
  params.rounds = target_.model->rounds();
  return params;
}

double RoundBench::round_ms(int drafts, int runs, decoding::Mode mode) {
  check(drafts == 0 || drafter_, Code::kInternal, "drafts without a drafter");
  runtime::SequenceLanguageModel target(target_, never_);
  std::unique_ptr<runtime::SequenceLanguageModel> drafter;
  if (drafts > 0) drafter = std::make_unique<runtime::SequenceLanguageModel>(*drafter_, never_);
  decoding::DecodeParams params = this->params(drafts, mode);
  params.sampling.temperature = 1;
  return repeated_ms(runs, [&] {
    const Restored target_as_it_is(&target_), drafter_as_it_is(drafter_);
    params.seed++;
    decoding::Decoder decoder(&target, {kLastOfPrompt}, drafter.get(), drafter ? std::vector<TokenId>{kLastOfPrompt} : std::vector<TokenId>{}, params);
    const double start = seconds_now();
    decoder.step();
    const double seconds = seconds_now() - start;
    check(decoder.stats().rounds_on_device == 1, Code::kInternal, "a round that the host had to see to");
    return seconds;
  });
}

std::vector<TokenId> RoundBench::text(int drafts, int tokens) {
  const Restored target_as_it_is(&target_), drafter_as_it_is(drafter_);
  runtime::SequenceLanguageModel target(target_, never_);
  std::unique_ptr<runtime::SequenceLanguageModel> drafter;
  if (drafts > 0) drafter = std::make_unique<runtime::SequenceLanguageModel>(*drafter_, never_);
  decoding::DecodeParams params = this->params(drafts, decoding::Mode::kLossless);
  params.sampling.temperature = 0;
  params.max_tokens = tokens;
  decoding::Decoder decoder(&target, {kLastOfPrompt}, drafter.get(), drafter ? std::vector<TokenId>{kLastOfPrompt} : std::vector<TokenId>{}, params);
  std::vector<TokenId> text;
  while (decoder.finish() == decoding::Finish::kNone) {
    const auto step = decoder.step();
    text.insert(text.end(), step.begin(), step.end());
  }
  return text;
}

}  // namespace ragdraft::gpu_check
