// N-grams in the decoder: they change what a round costs, never what it writes.
#include <set>

#include "chi_square.h"
#include "decoder_fixture.h"
#include "tier.h"
#include "reference_distribution.h"
#include "decoding/drafter.h"

using namespace ragdraft;
using namespace fixture;
using decoding::DraftPolicy;

namespace {

// Tables look at two tokens: greedy answers run in circles, sampled ones half-way.
Setup machine(Setup setup, double target_ms = 10, double drafter_ms = 4) {
  setup.target_ms = target_ms;
  setup.drafter_ms = drafter_ms;
  setup.row_ms = 0.1;
  return setup;
}

DecodeParams cyclic(DecodeParams params, bool ngram) {
  params.ngram = ngram;
  params.sampling.repetition_penalty = 1;
  if (params.sampling.temperature > 0) params.sampling.temperature = 0.35;
  params.ngram_source = {3, 0, 2, 7, 1, 3, 0, 2};
  return params;
}

// A drafter known to cost too much; n-grams known to be right.
std::shared_ptr<DraftPolicy> drafter_off() {
  auto costs = std::make_shared<DraftPolicy>();
  for (int i = 0; i < 20; i++) {
    costs->record({.drafted = 2, .draft_steps = 2, .draft_ms = 2000, .verify_ms = 10.3});
    costs->record({.verify_ms = 10.1});
  }
  for (int i = 0; i < 20; i++) costs->record_ngram_written(3, 16, 16);
  return costs;
}

}  // namespace

TEST("with n-grams and without: the same text, drafts and rounds for every fixed length, mode and drafter, greedy and sampled") {
  int64_t cascades = 0, proposed = 0, accepted = 0;
  int fewer_passes = 0;
  for (const Setup& drafter : kDrafters) {
    const Setup setup = machine(drafter);
    const auto compare = [&](Mode mode, int length, double confidence, bool sample) {
      DecodeParams params = sample ? sampled(mode, length, 5, 200) : greedy(mode, length, 200);
      params.confidence = confidence;
      const Result on = run(setup, cyclic(params, true)), off = run(setup, cyclic(params, false));
      CHECK(on == off);
      CHECK(on.stats.drafted_by_position == off.stats.drafted_by_position);
      CHECK(on.stats.accepted_by_position == off.stats.accepted_by_position);
      CHECK(on.stats.rounds == off.stats.rounds && off.stats.ngram_proposed == 0 && rounds_of(off.stats, Source::kCascade) == 0);
      cascades += rounds_of(on.stats, Source::kCascade);
      proposed += on.stats.ngram_proposed;
      accepted += on.stats.ngram_accepted;
      fewer_passes += on.drafter_passes < off.drafter_passes;
    };
    tier::across(compare, std::array{Mode::kLossless, Mode::kExact, Mode::kPaper}, std::array{0, 1, 2, 3, 5, 8, 11, 15, 16},
                 std::array{0.0, 0.3}, std::array{false, true});
  }
  CHECK(cascades > tier::choose(200, 1000) && accepted > proposed / 4 && accepted < proposed && fewer_passes > tier::choose(20, 100));
}

TEST("automatic lengths with n-grams: greedy texts are plain's, and exact's sampled text is that of every fixed length") {
  std::set<Source> seen;
  for (const Setup& drafter : kDrafters) {
    for (const double drafter_ms : {1.0, 4.0, 12.0}) {
      const Setup setup = machine(drafter, 10, drafter_ms);
      for (const uint64_t seed : {1, 2, 3}) {
        const Result exact = run(setup, cyclic(sampled(Mode::kExact, 0, seed, 200), false));
        CHECK(run(setup, cyclic(sampled(Mode::kExact, -1, seed, 200), true)) == exact);
      }
      const Result plain = run(setup, cyclic(greedy(Mode::kPlain, 0, 200), false));
      const Result lossless = run(setup, cyclic(greedy(Mode::kLossless, -1, 200), true));
      CHECK(lossless == plain);
      const Result exact = run(setup, cyclic(greedy(Mode::kExact, -1, 200), true));
      CHECK(exact == run(setup, cyclic(greedy(Mode::kExact, 4, 200), false)));
      CHECK(rounds_of(exact.stats, Source::kNgram) == 0);  // the target cannot judge alone what q shapes
      for (const Source source : {Source::kNone, Source::kModel, Source::kCascade, Source::kNgram}) {
        if (rounds_of(lossless.stats, source) + rounds_of(exact.stats, source) > 0) seen.insert(source);
      }
      const Result without = run(setup, cyclic(greedy(Mode::kLossless, -1, 200), false));
      CHECK_MSG(lossless.ms < 1.1 * without.ms, std::to_string(lossless.ms) + " against " + std::to_string(without.ms));
      if (drafter_ms == 12.0) CHECK(lossless.ms < 0.5 * without.ms);  // drafting cannot pay, circles are quoted
    }
  }
  CHECK(seen.size() == 4);
}

TEST("n-grams that the target checks alone leave the sampled text of plain decoding, without asking the drafter") {
  int64_t rounds = 0, proposed = 0, accepted = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    const Setup setup = machine(kDrafters[3], 10, 1000);
    DecodeParams params = cyclic(sampled(Mode::kLossless, -1, seed, 200), true);
    params.costs = drafter_off();
    const Result result = run(setup, params);
    CHECK(result == run(setup, cyclic(sampled(Mode::kPlain, 0, seed, 200), false)));
    CHECK(result.drafter_passes == 0);  // nor is its prompt read
    rounds += rounds_of(result.stats, Source::kNgram);
    proposed += result.stats.ngram_proposed;
    accepted += result.stats.ngram_accepted;
    CHECK(result.stats.drafted == result.stats.ngram_proposed && result.stats.accepted == result.stats.ngram_accepted);
  }
  CHECK_MSG(rounds > 100 && accepted > 0 && accepted < proposed,
            std::to_string(rounds) + " rounds, " + std::to_string(accepted) + " of " + std::to_string(proposed));
}

TEST("drafts of the batched pass follow q: the distribution of pairs, token for token what one-by-one drafting writes") {
  const Table table{.vocab = 6, .disagreement = 0.7f};
  DecodeParams params;
  params.sampling.temperature = 1.2;
  const decoding::RowRules rules(params, 6);
  const Tokens prompt{3, 0, 2}, proposal{1, 4};
  std::vector<int64_t> seen(36);
  int64_t first_stood = 0;
  constexpr int kRuns = 20000;
  for (int run = 0; run < kRuns; run++) {
    params.seed = uint64_t(run) * 77 + 1;
    const auto draft = [&](bool check) {
      table::Model model(table, {3, 0});
      decoding::Drafter drafter(decoding::SequenceState(model, {2}), rules, params, 4, true);
      Tokens text;
      drafter.begin(text);
      if (check) drafter.check(proposal, text);
      const size_t checked = text.size();
      drafter.write(3, text);
      drafter.sequence().commit({}, 0);
      CHECK(model.cache() == (Tokens{3, 0, 2}));
      if (check) CHECK(checked == (text[0] != 1 ? 1u : text[1] != 4 ? 2u : 3u));
      return text;
    };
    const Tokens text = draft(true);
    CHECK(text == draft(false));
    seen[size_t(text[0] * 6 + text[1])]++;
    first_stood += text[0] == proposal[0];
  }
  const auto q = [&](Tokens history) {
    return reference::distribution(reference::penalize(table.logits(history), {}, params.sampling), params.sampling);
  };
  std::vector<double> distribution(36);
  for (TokenId a = 0; a < 6; a++) {
    for (TokenId b = 0; b < 6; b++) distribution[size_t(a * 6 + b)] = q(prompt)[size_t(a)] * q({3, 0, 2, a})[size_t(b)];
  }
  CHECK(chi_square::test(seen, distribution) > 1e-4);
  std::vector<double> wrong = distribution;
  std::swap(wrong[6], wrong[13]);
  CHECK(chi_square::test(seen, wrong) < 1e-4);
  CHECK(std::fabs(double(first_stood) / kRuns - q(prompt)[1]) < 0.015);  // a proposal stands with probability q of it
}

TEST("passes that fail half-way in rounds with n-grams leave the committed state, and the retried round writes the same text") {
  const Setup setup = machine(kDrafters[1]);
  for (const Mode mode : {Mode::kLossless, Mode::kExact}) {
    const DecodeParams params = cyclic(sampled(mode, 6, 3, 60), true);
    const Tokens want = run(setup, params).answer;
    for (int fail_after = 1; fail_after < 40; fail_after++) {
      double clock = 0;
      table::Model target(setup.target, {}), drafter(setup.drafter, {});
      for (table::Model* model : {&target, &drafter}) {
        model->clock_ms = &clock;
        model->pass_ms = 5;
        model->row_ms = 0.1;
      }
      DecodeParams timed = params;
      timed.now_ms = [&] { return clock; };
      (fail_after % 2 ? target : drafter).fail_in_passes = fail_after;
      Decoder decoder(&target, setup.target_prompt, &drafter, setup.drafter_prompt, timed);
      Tokens answer;
      while (decoder.finish() == Finish::kNone) {
        try {
          const auto step = decoder.step();
          answer.insert(answer.end(), step.begin(), step.end());
        } catch (const std::runtime_error&) {
          target.fail_in_passes = drafter.fail_in_passes = -1;
          CHECK(holds(target.cache(), setup.target_prompt, answer, 8));
          CHECK(holds(drafter.cache(), setup.drafter_prompt, answer, 3));
        }
      }
      CHECK(answer == want);
    }
  }
}

TEST("a source that quotes stop tokens or tokens outside the vocabulary proposes nothing that cannot be drafted") {
  for (const Mode mode : {Mode::kLossless, Mode::kExact}) {
    for (const int length : {-1, 4, 16}) {
      DecodeParams params = cyclic(greedy(mode, length, 60), true);
      params.ngram_source = {1, 2, 3, 1000000, 3, 0, 2, 39, 3, 0, 2, 1000000, 3, 0, 2};
      params.stop_tokens = {39};
      DecodeParams without = params;
      without.ngram = false;
      CHECK(run(machine(kDrafters[0]), params) == run(machine(kDrafters[0]), without));
    }
  }
  DecodeParams negative = greedy(Mode::kLossless, 2);
  negative.ngram_source = {1, -1};
  CHECK_THROWS(kInvalidArgument, decoding::validate(negative));
}

TEST("what one answer measured the next one uses: a useless drafter costs the second answer next to nothing") {
  const Setup setup = machine(kDrafters[3], 10, 9);
  DecodeParams params = greedy(Mode::kLossless, -1, 300);
  params.ngram = false;
  const double plain = run(setup, greedy(Mode::kPlain, 0, 300)).ms;
  const double alone = run(setup, params).ms;
  params.costs = std::make_shared<DraftPolicy>();
  run(setup, params);
  const double second = run(setup, params).ms;
  CHECK_MSG(plain / alone > 0.968, std::to_string(plain / alone));
  CHECK_MSG(plain / second > 0.98 && second <= alone, std::to_string(plain / second));
}
