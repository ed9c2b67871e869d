// What the decoder writes: which modes, draft lengths and drafters must agree on every token.
#include "decoding/decoder.h"

#include "decoder_fixture.h"
#include "sampling/rng.h"
#include "tier.h"

using namespace ragdraft;
using namespace fixture;

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
    for (uint64_t seed = 0; seed < uint64_t(tier::choose(4, 20)); seed++) {
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
