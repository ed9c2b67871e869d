// A self-drafter, in the target's cache: nothing of it shows in the text or in what the cache holds between rounds.
#include "decoder_fixture.h"
#include "tier.h"

using namespace ragdraft;
using namespace fixture;

namespace {

// Where the cache must stand after every step, whatever happened in it.
Result run_self(const Setup& setup, const DecodeParams& params) {
  const auto cached = setup.target_prompt.begin() + setup.target_cached;
  table::Model target(setup.target, {setup.target_prompt.begin(), cached}, setup.target_max);
  table::SelfDrafter drafter(setup.drafter, target);
  Decoder decoder(&target, {cached, setup.target_prompt.end()}, nullptr, {}, params, &drafter);
  Result result;
  while (decoder.finish() == Finish::kNone) {
    const auto step = decoder.step();
    result.answer.insert(result.answer.end(), step.begin(), step.end());
    if (decoder.finish() != Finish::kContext) CHECK(holds(target.cache(), setup.target_prompt, result.answer, 1));
  }
  result.finish = decoder.finish();
  result.stats = decoder.stats();
  result.drafter_passes = drafter.passes;
  return result;
}

DecodeParams cyclic(DecodeParams params) {  // greedy answers of tables run in circles: n-grams find something
  params.sampling.repetition_penalty = 1;
  params.max_tokens = 200;
  return params;
}

}  // namespace

TEST("greedy lossless with a self-drafter equals plain, for every draft length, drafter and confidence") {
  for (const Setup& setup : kDrafters) {
    const Result plain = run(setup, greedy(Mode::kPlain, 0)), circle = run(setup, cyclic(greedy(Mode::kPlain, 0)));
    for (const int length : kAllLengths) {
      for (const double confidence : {0.0, 0.2, 1.0}) {
        DecodeParams params = greedy(Mode::kLossless, length);
        params.confidence = confidence;
        CHECK(run_self(setup, params) == plain);
        CHECK(run_self(setup, cyclic(params)) == circle);
      }
    }
  }
}

TEST("whose cache a drafter appends to changes neither drafts nor text, greedy and sampled, with a cascade and without") {
  int64_t cascades = 0, accepted = 0;
  for (const Setup& setup : kDrafters) {
    for (const int length : {0, 1, 2, 5, 16}) {
      for (uint64_t seed = 0; seed < uint64_t(tier::choose(2, 8)); seed++) {
        for (const DecodeParams& params : {sampled(Mode::kLossless, length, seed), cyclic(greedy(Mode::kLossless, length))}) {
          const Result by_model = run(setup, params), by_self = run_self(setup, params);
          CHECK(by_model == by_self);
          CHECK(by_model.stats.drafted_by_position == by_self.stats.drafted_by_position);
          CHECK(by_model.stats.accepted_by_position == by_self.stats.accepted_by_position);
          cascades += rounds_of(by_self.stats, Source::kCascade);
          accepted += by_self.stats.accepted;
        }
      }
    }
  }
  CHECK_MSG(cascades > tier::choose(20, 100) && accepted > tier::choose(400, 1000), std::to_string(cascades) + " cascades, " + std::to_string(accepted) + " tokens");
}

TEST("it never has to catch up: after rounds without it, a draft of n tokens takes n passes of one row") {
  Setup setup = with_drafter(0);
  const Result result = run_self(setup, greedy(Mode::kLossless, 4, 61));
  CHECK(result.stats.drafted == 48 && result.drafter_passes == 48);
}

TEST("a full cache ends the answer after the same tokens as without drafts") {
  const Tokens plain = run(kDrafters[1], greedy(Mode::kPlain, 0)).answer;
  for (const int capacity : {-1, 0, 1, 2, 7, 20}) {
    for (const int length : kAllLengths) {
      Setup setup = kDrafters[1];
      setup.target_max = int(setup.target_prompt.size()) + capacity;
      const Result result = run_self(setup, greedy(Mode::kLossless, length));
      CHECK(result.finish == Finish::kContext);
      CHECK(result.answer == Tokens(plain.begin(), plain.begin() + capacity + 1));
    }
  }
}

TEST("a pass of either that fails half-way leaves the committed state, and the retried round writes the same text") {
  Setup setup = kDrafters[1];
  setup.target_prompt.insert(setup.target_prompt.begin(), 600, 3);  // three passes of prefill, which may fail as well
  const DecodeParams params = sampled(Mode::kLossless, 3, 21, 24);
  const Tokens want = run(setup, params).answer;
  for (const bool target_fails : {false, true}) {
    for (int fail_after = 0; fail_after < 20; fail_after++) {
      table::Model target(setup.target, {});
      table::SelfDrafter drafter(setup.drafter, target);
      (target_fails ? target.fail_in_passes : drafter.fail_in_passes) = fail_after;
      Decoder decoder(&target, setup.target_prompt, nullptr, {}, params, &drafter);
      Tokens answer;
      int failures = 0;
      while (decoder.finish() == Finish::kNone && failures < 3) {
        try {
          const auto step = decoder.step();
          answer.insert(answer.end(), step.begin(), step.end());
        } catch (const std::runtime_error&) {
          failures++;
          target.fail_in_passes = drafter.fail_in_passes = -1;
          CHECK(holds(target.cache(), setup.target_prompt, answer, answer.empty() ? 608 : 1));
        }
      }
      CHECK(failures <= 1 && answer == want);
    }
  }
}

TEST("a self-drafter in other modes than lossless, with a prompt, or of another vocabulary, is ERR_INVALID_ARGUMENT") {
  table::Model target(Table{}, {});
  table::SelfDrafter drafter(Table{}, target);
  for (const Mode mode : {Mode::kPlain, Mode::kRag, Mode::kExact, Mode::kPaper}) {
    CHECK_THROWS(kInvalidArgument, Decoder(&target, {1}, nullptr, {}, greedy(mode, 2), &drafter));
  }
  CHECK_THROWS(kInvalidArgument, Decoder(&target, {1}, nullptr, {1}, greedy(Mode::kLossless, 2), &drafter));
  CHECK_THROWS(kInvalidArgument, Decoder(&target, {1}, nullptr, {}, greedy(Mode::kLossless, 2)));
  table::SelfDrafter other(Table{.vocab = 4}, target);
  CHECK_THROWS(kInvalidArgument, Decoder(&target, {1}, nullptr, {}, greedy(Mode::kLossless, 2), &other));
}
