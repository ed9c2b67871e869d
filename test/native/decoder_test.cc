#include "spec/decoder.h"

#include <limits>

#include "decoder_fixture.h"
#include "sampling/rng.h"

using namespace ragdraft;
using namespace fixture;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

DecodeParams greedy(Mode mode, int draft_length, int max_tokens = 60) {
  DecodeParams params;
  params.mode = mode;
  params.draft_length = draft_length;
  params.max_tokens = max_tokens;
  params.sampling.repetition_penalty = 1.3;  // the tables are short-sighted: keeps greedy answers from cycling at once
  params.sampling.repetition_window = 20;
  return params;
}
DecodeParams sampled(Mode mode, int draft_length, uint64_t seed, int max_tokens = 60) {
  DecodeParams params = greedy(mode, draft_length, max_tokens);
  params.sampling.temperature = 0.8;
  params.sampling.top_p = 0.95;
  params.seed = seed;
  return params;
}
Setup with_drafter(float disagreement, uint32_t seed = 1) {
  Setup setup;
  setup.target.vocab = setup.drafter.vocab = 40;
  setup.drafter.disagreement = disagreement;
  setup.drafter.seed = seed;
  return setup;
}
// Drafters from a twin of the target to a stranger.
const std::vector<Setup> kDrafters{with_drafter(0), with_drafter(0.3f), with_drafter(1), with_drafter(0, 99)};
constexpr std::initializer_list<int> kAllLengths{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

}  // namespace

TEST("greedy lossless equals plain for every draft length, auto, any drafter and any confidence threshold") {
  for (const Setup& setup : kDrafters) {
    const Result plain = run(setup, greedy(Mode::kPlain, 0));
    CHECK(plain.answer.size() == 60);
    for (const int length : kAllLengths) {
      for (const double confidence : {0.0, 0.2, 1.0}) {
        DecodeParams params = greedy(Mode::kLossless, length);
        params.confidence = confidence;
        CHECK(run(setup, params) == plain);
      }
    }
  }
}

TEST("greedy exact is the same for every draft length, equals paper, and lossless where eta is 0") {
  int moved = 0;
  for (const Setup& setup : kDrafters) {
    const Result plain = run(setup, greedy(Mode::kPlain, 0)), exact = run(setup, greedy(Mode::kExact, 0));
    moved += exact.answer != plain.answer;
    for (const int length : kAllLengths) {
      CHECK(run(setup, greedy(Mode::kExact, length)) == exact);
      CHECK(run(setup, greedy(Mode::kPaper, length)) == exact);
      DecodeParams no_transfer = greedy(Mode::kExact, length);
      no_transfer.transfer = 0;
      CHECK(run(setup, no_transfer) == plain);
    }
  }
  CHECK(moved >= 2);  // the transfer does something
}

TEST("greedy exact emits argmax z + eta * tau * (q - p), computed here step by step") {
  Setup setup = with_drafter(1);
  DecodeParams params = greedy(Mode::kExact, 4);
  params.sampling.repetition_penalty = 1;
  params.transfer_temperature = 2;
  params.transfer = 6;
  params.sampling.top_k = 2;  // truncation is for sampling
  params.sampling.min_p = 0.9;
  const auto softmax = [](const std::vector<float>& z, double tau) {
    std::vector<double> out(z.begin(), z.end());
    double sum = 0;
    for (double& x : out) sum += x = std::exp(x / tau);
    for (double& x : out) x /= sum;
    return out;
  };
  Tokens history = setup.target_prompt, answer;
  for (int i = 0; i < params.max_tokens; i++) {
    const auto z = setup.target.logits(history), zq = setup.drafter.logits(history);  // tables see two tokens, equal in both
    const auto p = softmax(z, 2), q = softmax(zq, 2);
    const double floor = params.plausibility * *std::max_element(q.begin(), q.end());
    std::vector<double> score(z.begin(), z.end());
    for (size_t v = 0; v < z.size(); v++) score[v] += q[v] >= floor ? 6 * 2 * (q[v] - p[v]) : 0;
    answer.push_back(TokenId(std::max_element(score.begin(), score.end()) - score.begin()));
    history.push_back(answer.back());
  }
  CHECK(run(setup, params).answer == answer);
}

TEST("sampled exact writes the identical text for every draft length with the same seed") {
  for (const Setup& setup : kDrafters) {
    for (uint64_t seed = 0; seed < 20; seed++) {
      const Result first = run(setup, sampled(Mode::kExact, 0, seed));
      CHECK(first.stats.drafted == 0 && first.drafter_passes >= 60);  // length 0 still asks the drafter for every token
      for (const int length : kAllLengths) CHECK(run(setup, sampled(Mode::kExact, length, seed)) == first);
    }
  }
}

TEST("sampled lossless without drafts, paper without drafts and plain write the same text") {
  for (uint64_t seed = 0; seed < 20; seed++) {
    const Setup& setup = kDrafters[1];
    const Result plain = run(setup, sampled(Mode::kPlain, 0, seed));
    CHECK(run(setup, sampled(Mode::kLossless, 0, seed)) == plain);
    CHECK(run(setup, sampled(Mode::kPaper, 0, seed)) == plain);
    CHECK(run(setup, sampled(Mode::kLossless, 0, seed)).drafter_passes == 0);
  }
}

TEST("plain inverts the cumulative distribution at the kResample number of each position of the answer") {
  DecodeParams params = sampled(Mode::kPlain, 0, 4);
  params.sampling.repetition_penalty = 1;
  const Tokens answer = run(kDrafters[1], params).answer;
  Tokens history = kDrafters[1].target_prompt;
  for (size_t i = 0; i < answer.size(); i++) {
    std::vector<float> p(40);
    sampling::to_distribution(kDrafters[1].target.logits(history), 40, params.sampling, p);
    CHECK(answer[i] == sampling::sample(p, sampling::PositionRng(4).uniform(Position(i), sampling::Purpose::kResample)));
    history.push_back(answer[i]);
  }
}

TEST("rag is the drafter decoding alone") {
  Setup setup = kDrafters[2], alone = setup;
  alone.target = setup.drafter;
  alone.target_prompt = setup.drafter_prompt;
  alone.target_cached = setup.drafter_cached;
  CHECK(run(setup, greedy(Mode::kRag, 4)) == run(alone, greedy(Mode::kPlain, 4)));
  CHECK(run(setup, sampled(Mode::kRag, 4, 5)) == run(alone, sampled(Mode::kPlain, 4, 5)));
}

TEST("runs repeat with a seed and differ between seeds") {
  for (const Mode mode : {Mode::kPlain, Mode::kRag, Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    CHECK(run(kDrafters[1], sampled(mode, 3, 1)) == run(kDrafters[1], sampled(mode, 3, 1)));
    CHECK(!(run(kDrafters[1], sampled(mode, 3, 1)) == run(kDrafters[1], sampled(mode, 3, 2))));
  }
}

TEST("a twin is always believed, a stranger rarely: drafts, rounds and acceptance add up") {
  const DecodeStats twin = run(kDrafters[0], greedy(Mode::kLossless, 4, 61)).stats;
  CHECK(twin.accepted == twin.drafted && twin.rounds == 13 && twin.drafted == 48);  // 12 rounds of 4 + 1, one of 0 + 1
  CHECK(twin.drafted_by_position[3] == 12 && twin.drafted_by_position[4] == 0);
  const DecodeStats stranger = run(kDrafters[3], greedy(Mode::kLossless, 4, 60)).stats;
  CHECK(stranger.accepted * 4 < stranger.drafted && stranger.accepted > 0);
}

TEST("any max_tokens is met exactly, in every mode and for every draft length") {
  for (const Mode mode : {Mode::kPlain, Mode::kRag, Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    for (const int length : kAllLengths) {
      for (const int max_tokens : {1, 2, 3, 5, 17, 18}) {
        const Result result = run(kDrafters[0], greedy(mode, length, max_tokens));
        CHECK(result.finish == Finish::kLength && int(result.answer.size()) == max_tokens);
      }
    }
  }
}

TEST("a stop token ends the answer, is no part of it, and nothing after it is committed") {
  for (const Setup& setup : kDrafters) {
    for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
      const Tokens full = run(setup, greedy(mode, 4)).answer;
      for (const size_t at : {0, 1, 2, 3, 4, 5, 9, 14}) {
        const size_t first = size_t(std::find(full.begin(), full.end(), full[at]) - full.begin());
        for (const int length : kAllLengths) {
          DecodeParams params = greedy(mode, length);
          params.stop_tokens = {39, full[at]};
          if (std::find(full.begin(), full.begin() + long(first), 39) != full.begin() + long(first)) continue;
          const Result result = run(setup, params);
          CHECK(result.finish == Finish::kStop);
          CHECK(result.answer == Tokens(full.begin(), full.begin() + long(first)));
        }
      }
    }
  }
}

TEST("nothing is drafted after a drafted stop token") {
  const Tokens full = run(kDrafters[0], greedy(Mode::kLossless, 16)).answer;
  DecodeParams params = greedy(Mode::kLossless, 16);
  params.stop_tokens = {full[2]};
  const DecodeStats stats = run(kDrafters[0], params).stats;
  CHECK(stats.rounds == 1 && stats.drafted == 3 && stats.accepted == 3 && stats.decode_tokens == 2);
}

TEST("a full target cache ends the answer with kContext after the same tokens, whatever the draft length") {
  for (const Mode mode : {Mode::kPlain, Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    const Tokens full = run(kDrafters[1], greedy(mode, 0)).answer;
    for (const int room : {-1, 0, 1, 2, 7, 20}) {  // beyond the prompt
      for (const int length : kAllLengths) {
        Setup setup = kDrafters[1];
        setup.target_max = int(setup.target_prompt.size()) + room;
        const Result result = run(setup, greedy(mode, length));
        CHECK(result.finish == Finish::kContext);
        CHECK(result.answer == Tokens(full.begin(), full.begin() + room + 1));
      }
    }
  }
}

TEST("a full drafter cache ends modes that need q, while lossless goes on without drafts") {
  const Tokens plain = run(kDrafters[1], greedy(Mode::kPlain, 0)).answer;
  const Tokens exact = run(kDrafters[1], greedy(Mode::kExact, 0)).answer;
  for (const int room : {-1, 0, 1, 2, 7, 20}) {
    for (const int length : kAllLengths) {
      Setup setup = kDrafters[1];
      setup.drafter_max = int(setup.drafter_prompt.size()) + room;
      const Result lossless = run(setup, greedy(Mode::kLossless, length));
      CHECK(lossless.finish == Finish::kLength && lossless.answer == plain);
      const Result needs_q = run(setup, greedy(Mode::kExact, length));
      CHECK(needs_q.finish == Finish::kContext && needs_q.answer == Tokens(exact.begin(), exact.begin() + room + 1));
      CHECK(run(setup, sampled(Mode::kExact, length, 3)).finish == Finish::kContext);
      CHECK(run(setup, sampled(Mode::kPaper, length, 3)).finish == (length == 0 ? Finish::kLength : Finish::kContext));
      CHECK(run(setup, greedy(Mode::kRag, length)).finish == Finish::kContext);
    }
  }
}

TEST("drafts use a cache up to its last token: the last draft needs no room in lossless, but in exact") {
  for (const int room : {0, 1, 2}) {
    Setup setup = kDrafters[0];
    setup.drafter_max = int(setup.drafter_prompt.size()) + room;
    CHECK(run(setup, greedy(Mode::kLossless, 8)).stats.drafted == room + 1);
    CHECK(run(setup, greedy(Mode::kExact, 8)).stats.drafted == room);
  }
}

TEST("greedy exact without transfer asks for no q: it is not bound to the drafter's context, nor runs it for length 0") {
  Setup setup = kDrafters[1];
  setup.drafter_max = int(setup.drafter_prompt.size()) + 2;
  DecodeParams params = greedy(Mode::kExact, 0);
  params.transfer = 0;
  CHECK(run(setup, params).drafter_passes == 0);
  params.draft_length = 4;
  CHECK(run(setup, params).finish == Finish::kLength);
}

TEST("a drafter that sat out hundreds of rounds catches up in chunks") {
  const Setup setup = with_drafter(0, 99);
  const Result plain = run(setup, greedy(Mode::kPlain, 0, 6000));
  CHECK(run(setup, greedy(Mode::kLossless, -1, 6000)) == plain);
  CHECK(plain.answer.size() == 6000);
}

TEST("confidence stops a draft after the unsure token, which is kept") {
  DecodeParams params = greedy(Mode::kLossless, 8);
  params.confidence = 1;  // no softmax reaches it: every draft has one token
  CHECK(run(kDrafters[1], params).stats.drafted_by_position[1] == 0);
  CHECK(run(kDrafters[1], params).stats.drafted_by_position[0] > 0);
  params.confidence = 1e-6;
  CHECK(run(kDrafters[1], params).stats.drafted == run(kDrafters[1], greedy(Mode::kLossless, 8)).stats.drafted);
}

TEST("padding is never chosen, and models may pad the same vocabulary differently") {
  for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    for (const int length : {0, 3, 16}) {
      Setup padded = kDrafters[1];
      padded.target.padding = 3;
      DecodeParams params = sampled(mode, length, 8), greedily = greedy(mode, length);
      CHECK(run(padded, params) == run(kDrafters[1], params));  // 0 valid tokens: the smaller vocabulary
      padded.drafter.padding = 7;
      params.valid_tokens = greedily.valid_tokens = 40;
      CHECK(run(padded, params) == run(kDrafters[1], params));
      CHECK(run(padded, greedily) == run(kDrafters[1], greedily));
    }
  }
}

TEST("prompts of a thousand pending tokens are prefilled in chunks; a drafter that never drafts is never run") {
  Setup setup = kDrafters[1];
  setup.target_prompt = Tokens(1000, 3);
  setup.drafter_prompt = Tokens(300, 3);
  setup.target_cached = setup.drafter_cached = 0;
  CHECK(run(setup, greedy(Mode::kLossless, 5)) == run(setup, greedy(Mode::kPlain, 0)));
  CHECK(run(setup, greedy(Mode::kLossless, 0)).drafter_passes == 0);
}

TEST("logits without a number are ERR_INTERNAL, from either model, greedy and sampled") {
  for (const bool target_fails : {true, false}) {
    for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
      for (const double temperature : {0.0, 1.0}) {
        table::Model target(kDrafters[1].target, {}), drafter(kDrafters[1].drafter, {});
        (target_fails ? target : drafter).override_row = [](std::vector<float>& row) { row.assign(row.size(), kNan); };
        DecodeParams params = greedy(mode, 2);
        params.sampling.temperature = temperature;
        Decoder decoder(&target, {1, 2}, &drafter, {1, 2}, params);
        CHECK_THROWS(kInternal, decoder.step());
        CHECK(target.cache() == (Tokens{1}) && drafter.cache() == (Tokens{1}));
        CHECK(decoder.finish() == Finish::kNone && decoder.stats().rounds == 0);
      }
    }
  }
}

TEST("a pass that fails half-way leaves the committed state, and the retried round writes the same text") {
  for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    const DecodeParams params = sampled(mode, 3, 21, 24);
    const Tokens want = run(kDrafters[1], params).answer;
    for (int fail_after = 0; fail_after < 24; fail_after++) {
      table::Model target(kDrafters[1].target, {}), drafter(kDrafters[1].drafter, {});
      (fail_after % 2 ? target : drafter).fail_in_passes = fail_after / 2;
      Decoder decoder(&target, kDrafters[1].target_prompt, &drafter, kDrafters[1].drafter_prompt, params);
      Tokens answer;
      int failures = 0;
      while (decoder.finish() == Finish::kNone && failures < 3) {
        try {
          const auto step = decoder.step();
          answer.insert(answer.end(), step.begin(), step.end());
        } catch (const std::runtime_error&) {
          failures++;
          target.fail_in_passes = drafter.fail_in_passes = -1;
          CHECK(holds(target.cache(), kDrafters[1].target_prompt, answer, 8));
          CHECK(holds(drafter.cache(), kDrafters[1].drafter_prompt, answer, 3));
        }
      }
      CHECK(failures <= 1 && answer == want);
    }
  }
}

TEST("missing models, empty or foreign prompts and parameters out of range are ERR_INVALID_ARGUMENT") {
  table::Model model(Table{}, {}), other(Table{.vocab = 4}, {});
  const DecodeParams fine = greedy(Mode::kLossless, 2);
  const auto make = [&](spec::LanguageModel* target, Tokens pending, spec::LanguageModel* drafter, Tokens draft_pending, DecodeParams p) {
    Decoder decoder(target, std::move(pending), drafter, std::move(draft_pending), std::move(p));
  };
  make(&model, {1}, &other, {1}, fine);
  CHECK_THROWS(kInvalidArgument, make(nullptr, {1}, &other, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, nullptr, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {}, &other, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, &other, {}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, &other, {5}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {-1}, &other, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, nullptr, {}, greedy(Mode::kRag, 0)));
  for (void (*change)(DecodeParams&) : std::initializer_list<void (*)(DecodeParams&)>{
           [](DecodeParams& p) { p.valid_tokens = 5; }, [](DecodeParams& p) { p.valid_tokens = -1; },
           [](DecodeParams& p) { p.transfer = -1; }, [](DecodeParams& p) { p.transfer = kNan; },
           [](DecodeParams& p) { p.plausibility = 1.1; }, [](DecodeParams& p) { p.plausibility = kNan; },
           [](DecodeParams& p) { p.transfer_temperature = 0; }, [](DecodeParams& p) { p.draft_length = -2; },
           [](DecodeParams& p) { p.draft_length = 17; }, [](DecodeParams& p) { p.max_draft_length = 17; },
           [](DecodeParams& p) { p.max_draft_length = -1; }, [](DecodeParams& p) { p.confidence = -0.1; },
           [](DecodeParams& p) { p.confidence = kNan; }, [](DecodeParams& p) { p.max_tokens = 0; },
           [](DecodeParams& p) { p.stop_tokens = {-1}; }, [](DecodeParams& p) { p.sampling.top_p = 0; },
           [](DecodeParams& p) { p.mode = Mode(5); }}) {
    DecodeParams params = fine;
    change(params);
    CHECK_THROWS(kInvalidArgument, make(&model, {1}, &other, {1}, params));
  }
}
