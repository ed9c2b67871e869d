// Whole answers of small models on the device: rounds that go on there write the texts of rounds that the host sees to.
#include "decoding/decoder.h"

#include <atomic>

#include "cuda_model_fixture.h"
#include "runtime/sequence_language_model.h"
#include "tap.h"
#include "tier.h"

using namespace ragdraft;
using decoding::Mode;
using testing::TinyModel;
using testing::TinyShape;
using testing::Tokens;

namespace {

const TinyShape kLlama{}, kSmall{.layers = 1, .seed = 5};
const int kAnswerTokens = tier::choose(6, 14);

// Passes on, and counts.
class Counted final : public sampling::Rounds {
 public:
  explicit Counted(sampling::Rounds& rounds) : rounds_(rounds) {}
  void begin(const sampling::RoundRules& rules, Position position) override { rounds_.begin(rules, position); }
  void draft(int i) override {
    drafts++;
    rounds_.draft(i);
  }
  sampling::RoundOutcome judge(int judged, int rows) override {
    judgements++;
    const sampling::RoundOutcome outcome = rounds_.judge(judged, rows);
    timed = timed && outcome.verify_ms > 0 && (outcome.draft_ms > 0 || judged == 0);
    return outcome;
  }
  int drafts = 0, judgements = 0;
  bool timed = true;

 private:
  sampling::Rounds& rounds_;
};

using Model = std::shared_ptr<model::Transformer>;

struct Answer {
  Tokens tokens;
  decoding::DecodeStats stats;
  uint64_t cache = 0;  // fingerprint of what prompt and answer left in the target's
  int aborts = 0;
};

enum class Drafts { kNone, kByItself, kInItsCache, kByAnother };

class Answers {
 public:
  Answers() : prompt_(llama_.random_tokens(30, 1)), chunks_(llama_.random_tokens(12, 2)) {}

  // rounds: nullptr: by the host's hand.
  Answer write(decoding::DecodeParams params, Drafts drafts, sampling::Rounds* rounds) {
    params.max_tokens = kAnswerTokens;
    params.rounds = rounds;
    const auto session = [](const Model& model, ops::Precision precision) {
      return std::make_unique<runtime::ModelSequence>(model, std::make_unique<kv::Sequence>(model->cache(kv::KvType::kBF16), 256), precision);
    };
    const Model& drafting = drafts == Drafts::kByAnother ? small_device : device;
    const auto target = session(device, ops::Precision::kFull), drafter = session(drafting, ops::Precision::kDraft);
    const std::atomic<bool> never{false};
    kv::Selection all({}, 0);
    runtime::SequenceLanguageModel target_model(*target, never), draft_model(*drafter, never);
    runtime::SequenceLanguageModel self_drafter(*target, never, ops::Precision::kDraft, &all);
    const bool by_model = drafts == Drafts::kByItself || drafts == Drafts::kByAnother;
    decoding::Decoder decoder(&target_model, prompt_, by_model ? &draft_model : nullptr, by_model ? chunks_ : Tokens{}, params,
                              drafts == Drafts::kInItsCache ? &self_drafter : nullptr);
    Answer answer;
    while (decoder.finish() == decoding::Finish::kNone) {
      try {
        const auto step = decoder.step();
        answer.tokens.insert(answer.tokens.end(), step.begin(), step.end());
      } catch (const Error& e) {
        CHECK(e.code() == Code::kAborted);
        answer.aborts++;
      }
    }
    answer.stats = decoder.stats();
    answer.cache = target->sequence->fingerprint();
    return answer;
  }

  const TinyModel llama_{kLlama}, small_{kSmall};
  const std::shared_ptr<ops::Backend> backend = testing::cuda_backend();
  const Model device = llama_.load(backend), small_device = small_.load(backend);

 private:
  const Tokens prompt_, chunks_;
};

decoding::DecodeParams params_of(Mode mode, int draft_length, double temperature) {
  decoding::DecodeParams params;
  params.mode = mode;
  params.draft_length = draft_length;
  params.ngram = false;
  params.transfer = 3;
  params.sampling.temperature = temperature;
  params.seed = uint64_t(draft_length) + 17;
  return params;
}

}  // namespace

TEST("texts and caches of rounds on the device are those of the host's rounds: every mode, greedy and sampled, whoever drafts") {
  Answers answers;
  for (const Drafts drafts : {Drafts::kNone, Drafts::kByItself, Drafts::kInItsCache, Drafts::kByAnother})
    for (const Mode mode : {Mode::kPlain, Mode::kLossless, Mode::kExact, Mode::kPaper}) {
      if ((mode == Mode::kPlain) != (drafts == Drafts::kNone) || (drafts == Drafts::kInItsCache && mode != Mode::kLossless)) continue;
      for (const int length : {0, 4})
        for (const double temperature : {0.0, 0.7}) {
          // In the quick tier each way to draft once for each mode, greedy or sampled in turn.
          const bool greedy = (int(mode) + int(drafts)) % 2 == 0;
          if (!tier::full() && (length == 0 || greedy != (temperature == 0))) continue;
          const decoding::DecodeParams params = params_of(mode, length, temperature);
          Counted rounds(*answers.backend->rounds());
          const Answer on_device = answers.write(params, drafts, &rounds), expected = answers.write(params, drafts, nullptr);
          const std::string what = "mode " + std::to_string(int(mode)) + ", drafts " + std::to_string(int(drafts)) + ", length " +
                                   std::to_string(length) + ", T " + std::to_string(temperature);
          CHECK_MSG(on_device.tokens == expected.tokens && on_device.cache == expected.cache, what);
          CHECK_MSG(on_device.stats.accepted_by_position == expected.stats.accepted_by_position, what);
          CHECK_MSG(rounds.judgements == on_device.stats.rounds && rounds.timed, what);
          CHECK_MSG(on_device.stats.rounds_on_device == on_device.stats.rounds && expected.stats.rounds_on_device == 0, what);
        }
    }
}

TEST("greedy lossless is plain, with lengths by the draft policy and n-grams between") {
  Answers answers;
  const Tokens plain = answers.write(params_of(Mode::kPlain, 0, 0), Drafts::kNone, nullptr).tokens;
  for (const Drafts drafts : {Drafts::kByItself, Drafts::kInItsCache, Drafts::kByAnother}) {
    decoding::DecodeParams params = params_of(Mode::kLossless, -1, 0);
    params.ngram = true;
    CHECK(answers.write(params, drafts, answers.backend->rounds()).tokens == plain);
  }
}

TEST("an aborted round leaves no trace: the next one begins anew") {
  Answers answers;
  // At the second draft of every other round.
  class Aborting final : public sampling::Rounds {
   public:
    explicit Aborting(sampling::Rounds& rounds) : rounds_(rounds) {}
    void begin(const sampling::RoundRules& rules, Position position) override { rounds_.begin(rules, position), begun_++; }
    void draft(int i) override {
      if (i == 1 && begun_ % 2 == 1) throw Error(Code::kAborted, "by the test");
      rounds_.draft(i);
    }
    sampling::RoundOutcome judge(int judged, int rows) override { return rounds_.judge(judged, rows); }

   private:
    sampling::Rounds& rounds_;
    int begun_ = 0;
  } aborting(*answers.backend->rounds());
  for (const Drafts drafts : {Drafts::kByItself, Drafts::kInItsCache}) {
    const decoding::DecodeParams params = params_of(drafts == Drafts::kInItsCache ? Mode::kLossless : Mode::kExact, 3, 0.7);
    const Answer expected = answers.write(params, drafts, nullptr), answer = answers.write(params, drafts, &aborting);
    CHECK(answer.tokens == expected.tokens && answer.cache == expected.cache && answer.aborts > tier::choose(0, 2));
  }
}

TEST("tokens that only a round knows are refused where logits come to the host") {
  Answers answers;
  testing::Context context(answers.device);
  for (const TokenId token : {unknown_draft(0), unknown_draft(kMaxVerifyRows - 1)}) {
    CHECK_THROWS(kInvalidArgument, context.append(Tokens{token}, 1));
    CHECK_THROWS(kInvalidArgument, context.append(Tokens{token}, 0));
  }
  const Tokens beyond{unknown_draft(kMaxVerifyRows)};
  const auto rows = context.rows(beyond, 1);
  CHECK_THROWS(kInvalidArgument, answers.device->forward({&rows, 1}, nullptr));
}
