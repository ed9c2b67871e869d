// Rounds on the device write the texts of rounds on the host, and leave in the caches what those leave.
#include <cmath>

#include "decoder_fixture.h"
#include "tap.h"

using namespace ragdraft;
using namespace fixture;

namespace {

constexpr Mode kDraftingModes[] = {Mode::kLossless, Mode::kExact, Mode::kPaper};

DecodeParams plain_softmax(Mode mode, int draft_length, double temperature, uint64_t seed = 1) {
  DecodeParams params;
  params.mode = mode;
  params.draft_length = draft_length;
  params.max_tokens = 60;
  params.transfer = 3;
  params.sampling.temperature = temperature;
  params.seed = seed;
  params.ngram = false;
  return params;
}

Setup on_device(Setup setup) {
  setup.on_device = true;
  return setup;
}

bool same_course(const Result& a, const Result& b) {
  return a == b && a.stats.drafted_by_position == b.stats.drafted_by_position && a.stats.accepted_by_position == b.stats.accepted_by_position;
}

}  // namespace

TEST("round by round the same drafts, judgements and tokens: every mode, length and drafter, greedy and sampled") {
  for (const Setup& setup : kDrafters)
    for (const double temperature : {0.0, 0.8}) {
      for (const Mode mode : {Mode::kPlain, Mode::kRag}) {
        const DecodeParams params = plain_softmax(mode, 4, temperature);
        const Result result = run(on_device(setup), params);
        CHECK(same_course(result, run(setup, params)));
        CHECK(result.rounds_on_device == 60);
      }
      for (const Mode mode : kDraftingModes)
        for (const int length : {0, 1, 2, 3, 7, 16}) {
          const DecodeParams params = plain_softmax(mode, length, temperature, uint64_t(length) + 5);
          const Result result = run(on_device(setup), params);
          CHECK(same_course(result, run(setup, params)));
          CHECK(result.rounds_on_device == result.stats.rounds);
        }
    }
}

TEST("drafts behind a stop token are forgotten") {
  int64_t stops = 0, drafted_stops = 0;
  for (const Setup& setup : kDrafters)
    for (const double temperature : {0.0, 0.9})
      for (const Mode mode : kDraftingModes)
        for (TokenId stop = 0; stop < 40; stop += 3) {
          DecodeParams params = plain_softmax(mode, 6, temperature, uint64_t(stop));
          params.stop_tokens = {stop, stop + 1};
          const Result expected = run(setup, params), result = run(on_device(setup), params);
          CHECK(same_course(result, expected));
          stops += result.finish == Finish::kStop;
          drafted_stops += result.stats.rounds + result.stats.accepted - result.stats.decode_tokens == 2;
        }
  CHECK(stops > 50 && drafted_stops > 10);
}

TEST("with n-grams, whose rounds are on the host, and lengths by the draft policy: one text") {
  for (const Setup& setup : kDrafters)
    for (const double temperature : {0.0, 0.8}) {
      DecodeParams params = plain_softmax(Mode::kExact, -1, temperature);
      params.max_tokens = 150;
      const Result expected = run(setup, params);
      params.ngram = true;
      CHECK(run(on_device(setup), params) == expected);
      if (temperature > 0) continue;
      params.mode = Mode::kPlain;
      const Result plain = run(setup, params);
      params.mode = Mode::kLossless;
      CHECK(run(on_device(setup), params) == plain);
    }
}

TEST("full contexts end the answer, or drafting, where they do") {
  for (const double temperature : {0.0, 0.8})
    for (const Mode mode : kDraftingModes)
      for (int capacity = 1; capacity < 14; capacity++) {
        Setup small_target, small_drafter;
        small_target.target_max = int(small_target.target_prompt.size()) + capacity;
        small_drafter.drafter_max = int(small_drafter.drafter_prompt.size()) + capacity;
        for (const Setup& setup : {small_target, small_drafter}) {
          const DecodeParams params = plain_softmax(mode, 4, temperature);
          CHECK(same_course(run(on_device(setup), params), run(setup, params)));
        }
      }
}

TEST("a self-drafter writes the same text") {
  for (const Setup& setup : kDrafters)
    for (const double temperature : {0.0, 0.8}) {
      DecodeParams params = plain_softmax(Mode::kLossless, 5, temperature);
      const Result expected = run(setup, params);
      HostRounds rounds;
      params.rounds = &rounds;
      const auto cached = setup.target_prompt.begin() + setup.target_cached;
      table::Model target(setup.target, {setup.target_prompt.begin(), cached});
      table::SelfDrafter self_drafter(setup.drafter, target);
      Staying target_stays(target, rounds), self_stays(self_drafter, rounds);
      Decoder decoder(&target_stays, {cached, setup.target_prompt.end()}, nullptr, {}, params, &self_stays);
      Tokens answer;
      while (decoder.finish() == Finish::kNone) {
        const auto step = decoder.step();
        answer.insert(answer.end(), step.begin(), step.end());
        CHECK(holds(target.cache(), setup.target_prompt, answer, 1));
      }
      CHECK(answer == expected.answer);
    }
}

TEST("a pass that fails anywhere in a round leaves no trace: the round is gone through again") {
  const Setup setup = with_drafter(0.3f);
  for (const Mode mode : kDraftingModes) {
    const DecodeParams params = plain_softmax(mode, 3, 0.8);
    const Result expected = run(setup, params);
    for (int passes = 0; passes < 6; passes++) {
      DecodeParams failing = params;
      HostRounds rounds;
      failing.rounds = &rounds;
      table::Model target(setup.target, {}), drafter(setup.drafter, {});
      Staying target_stays(target, rounds), drafter_stays(drafter, rounds);
      Decoder decoder(&target_stays, setup.target_prompt, &drafter_stays, setup.drafter_prompt, failing);
      Tokens answer;
      for (int failures = 0; decoder.finish() == Finish::kNone;) {
        drafter.fail_in_passes = failures < 3 && passes < 5 ? drafter.passes + passes : -1;
        target.fail_in_passes = failures < 3 && passes == 5 ? target.passes : -1;
        try {
          const auto step = decoder.step();
          answer.insert(answer.end(), step.begin(), step.end());
        } catch (const std::runtime_error&) {
          failures++;
        }
      }
      CHECK(answer == expected.answer);
    }
  }
}

TEST("a row without numbers is an error where the round needs it") {
  const Setup setup;
  for (const bool of_drafter : {false, true}) {
    DecodeParams params = plain_softmax(Mode::kLossless, 3, 0);
    HostRounds rounds;
    params.rounds = &rounds;
    table::Model target(setup.target, {}), drafter(setup.drafter, {});
    (of_drafter ? drafter : target).override_row = [](std::vector<float>& row) { row.assign(row.size(), std::nanf("")); };
    Staying target_stays(target, rounds), drafter_stays(drafter, rounds);
    Decoder decoder(&target_stays, setup.target_prompt, &drafter_stays, setup.drafter_prompt, params);
    CHECK_THROWS(kInternal, decoder.step());
  }
}

TEST("truncation, penalties and a confidence keep the host in the round; truncation that a greedy choice never sees does not") {
  const auto begun = [](const DecodeParams& params) { return run(on_device({}), params).rounds_on_device; };
  DecodeParams params = plain_softmax(Mode::kLossless, 3, 0.8);
  CHECK(begun(params) > 0);
  for (const auto& change : std::vector<std::function<void(DecodeParams&)>>{
           [](DecodeParams& p) { p.sampling.top_k = 4; }, [](DecodeParams& p) { p.sampling.top_p = 0.9; },
           [](DecodeParams& p) { p.sampling.min_p = 0.1; }, [](DecodeParams& p) { p.sampling.repetition_penalty = 1.1; },
           [](DecodeParams& p) { p.confidence = 0.2; }}) {
    DecodeParams changed = params;
    change(changed);
    CHECK(begun(changed) == 0);
  }
  params.sampling = {.temperature = 0, .top_k = 4, .top_p = 0.9, .min_p = 0.1};
  CHECK(begun(params) > 0);
}
