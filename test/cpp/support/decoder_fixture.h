// A target and a drafter of a few tokens with different prompts, and a run of the decoder over them that checks the caches,
// the statistics and the returned tokens after every step.
#pragma once
#include <algorithm>
#include <array>
#include <numeric>
#include <string>

#include "host_rounds.h"
#include "decoding/decoder.h"
#include "table_model.h"
#include "tap.h"

namespace fixture {

using ragdraft::decoding::DecodeParams;
using ragdraft::decoding::DecodeStats;
using ragdraft::decoding::Decoder;
using ragdraft::decoding::Finish;
using ragdraft::decoding::Mode;
using ragdraft::decoding::Source;
using table::Table;
using table::Tokens;

struct Setup {
  Table target{}, drafter{.disagreement = 0.7f};
  Tokens target_prompt{0, 1, 2, 3, 4, 5, 0, 2}, drafter_prompt{3, 0, 2};  // equal last two tokens: the tables look no further
  int target_cached = 5, drafter_cached = 0;                             // tokens of the prompts that the caches hold already
  int target_max = 1 << 20, drafter_max = 1 << 20;
  bool on_device = false;  // rounds go on without the host, by HostRounds
  double target_ms = 0, drafter_ms = 0, row_ms = 0;  // of a pass, and each of its rows: a simulated machine; 0: real time
};

struct Result {
  Tokens answer;
  Finish finish;
  DecodeStats stats;
  int drafter_passes = 0;
  int rounds_on_device = 0;
  double ms = 0;  // simulated
  bool operator==(const Result& other) const { return answer == other.answer && finish == other.finish; }
};

// Whether `cache` is a beginning of prompt + answer that lacks 0..max_pending tokens.
inline bool holds(const Tokens& cache, Tokens prompt, const Tokens& answer, size_t max_pending) {
  prompt.insert(prompt.end(), answer.begin(), answer.end());
  return cache.size() <= prompt.size() && cache.size() + max_pending >= prompt.size() &&
         std::equal(cache.begin(), cache.end(), prompt.begin());
}

inline int64_t rounds_of(const DecodeStats& stats, Source source) { return stats.rounds_by_source[size_t(source)]; }

inline Result run(const Setup& setup, DecodeParams params) {
  table::Model target(setup.target, {setup.target_prompt.begin(), setup.target_prompt.begin() + setup.target_cached},
                      setup.target_max);
  table::Model drafter(setup.drafter, {setup.drafter_prompt.begin(), setup.drafter_prompt.begin() + setup.drafter_cached},
                       setup.drafter_max);
  double clock_ms = 0;
  if (setup.target_ms > 0) {
    params.now_ms = [&] { return clock_ms; };
    target.clock_ms = drafter.clock_ms = &clock_ms;
    target.pass_ms = setup.target_ms;
    drafter.pass_ms = setup.drafter_ms;
    target.row_ms = drafter.row_ms = setup.row_ms;
  }
  HostRounds rounds;
  Staying target_stays(target, rounds), drafter_stays(drafter, rounds);
  if (setup.on_device) params.rounds = &rounds;
  using Model = ragdraft::decoding::LanguageModel;
  Model* const target_model = setup.on_device ? static_cast<Model*>(&target_stays) : &target;
  Model* const drafter_model = setup.on_device ? static_cast<Model*>(&drafter_stays) : &drafter;
  Decoder decoder(params.mode == Mode::kRag ? nullptr : target_model,
                  {setup.target_prompt.begin() + setup.target_cached, setup.target_prompt.end()},
                  params.mode == Mode::kPlain ? nullptr : drafter_model,
                  {setup.drafter_prompt.begin() + setup.drafter_cached, setup.drafter_prompt.end()}, params);
  Result result;
  int64_t asked_before = 0;  // rounds in which the drafter drafted
  while (decoder.finish() == Finish::kNone) {
    const auto step = decoder.step();
    result.answer.insert(result.answer.end(), step.begin(), step.end());
    const DecodeStats& stats = decoder.stats();
    const bool stopped = decoder.finish() == Finish::kStop, context = decoder.finish() == Finish::kContext;
    if (step.empty() && !stopped && !context) tap::fail(__FILE__, __LINE__, "an empty step without an end");
    CHECK(stats.decode_tokens == int64_t(result.answer.size()));
    CHECK(stats.accepted <= stats.drafted);
    if (!stopped) CHECK(stats.decode_tokens == stats.rounds + stats.accepted);
    if (stopped) CHECK(stats.rounds + stats.accepted - stats.decode_tokens <= 2);
    if (context) continue;
    // A cache lacks one token; the drafter's lacks two after it was fully believed, and more when it sat out rounds.
    if (params.mode != Mode::kRag) CHECK(holds(target.cache(), setup.target_prompt, result.answer, 1));
    const int64_t asked = rounds_of(stats, Source::kModel) + rounds_of(stats, Source::kCascade);
    const size_t behind = params.mode == Mode::kRag ? 1 : asked > asked_before ? 2 : 1 << 20;
    if (params.mode != Mode::kPlain) CHECK(holds(drafter.cache(), setup.drafter_prompt, result.answer, behind));
    asked_before = asked;
    CHECK(stats.rounds == std::accumulate(stats.rounds_by_source.begin(), stats.rounds_by_source.end(), int64_t(0)));
    CHECK(stats.ngram_accepted <= stats.ngram_proposed);
  }
  int64_t drafted = 0, accepted = 0;
  for (size_t i = 0; i < 16; i++) {
    const int64_t at = decoder.stats().drafted_by_position[i], stood = decoder.stats().accepted_by_position[i];
    CHECK(stood <= at && (i == 0 || at <= decoder.stats().drafted_by_position[i - 1]));
    drafted += at;
    accepted += stood;
  }
  CHECK(drafted == decoder.stats().drafted && accepted == decoder.stats().accepted);
  CHECK(int(result.answer.size()) <= params.max_tokens);
  CHECK(decoder.step().empty());  // after the end nothing happens any more
  result.finish = decoder.finish();
  result.stats = decoder.stats();
  result.drafter_passes = drafter.passes;
  result.rounds_on_device = rounds.begun;
  result.ms = clock_ms;
  return result;
}

inline DecodeParams greedy(Mode mode, int draft_length, int max_tokens = 60) {
  DecodeParams params;
  params.mode = mode;
  params.draft_length = draft_length;
  params.max_tokens = max_tokens;
  params.sampling.repetition_penalty = 1.3;  // the tables are short-sighted: keeps greedy answers from cycling at once
  params.sampling.repetition_window = 20;
  return params;
}
inline DecodeParams sampled(Mode mode, int draft_length, uint64_t seed, int max_tokens = 60) {
  DecodeParams params = greedy(mode, draft_length, max_tokens);
  params.sampling.temperature = 0.8;
  params.sampling.top_p = 0.95;
  params.seed = seed;
  return params;
}
inline Setup with_drafter(float disagreement, uint32_t seed = 1) {
  Setup setup;
  setup.target.vocab = setup.drafter.vocab = 40;
  setup.drafter.disagreement = disagreement;
  setup.drafter.seed = seed;
  return setup;
}
// Drafters from a twin of the target to a stranger.
inline const std::vector<Setup> kDrafters{with_drafter(0), with_drafter(0.3f), with_drafter(1), with_drafter(0, 99)};
inline constexpr std::array kAllLengths{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

}  // namespace fixture
