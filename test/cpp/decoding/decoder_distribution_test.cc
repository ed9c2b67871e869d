// The distribution of whole sequences, enumerated from the definitions, against sequences sampled through the whole decoder.
#include <map>

#include "chi_square.h"
#include "decoder_fixture.h"
#include "reference_distribution.h"
#include "tap.h"

using namespace ragdraft;
using namespace fixture;
using reference::Row;

namespace {

constexpr int kLength = 3;  // tokens of a sequence
constexpr int kRuns = 20000;
constexpr double kAccepted = 1e-4;  // p-value; the seeds are fixed, so a pass stays a pass

// Enumerates all sequences of kLength tokens. A sequence's probability depends on the rounds only in paper mode (the bonus token
// follows p), but is always computed by playing all rounds: drafts are judged under `distribution`, a rejection ends the round.
class Enumeration {
 public:
  Enumeration(const Setup& setup, const DecodeParams& params) : setup_(setup), params_(params), distribution_(cells(setup)) {
    Tokens answer;
    begin_round(answer, 1);
  }
  const std::vector<double>& distribution() const { return distribution_; }

  static size_t cells(const Setup& setup) { return size_t(std::pow(setup.target.vocab, kLength)); }
  static size_t index(const Setup& setup, const Tokens& answer) {
    size_t index = 0;
    for (const TokenId token : answer) index = index * size_t(setup.target.vocab) + size_t(token);
    return index;
  }

 private:
  Row distribution(const Table& table, Tokens history, const Tokens& answer) const {
    history.insert(history.end(), answer.begin(), answer.end());
    auto logits = table.logits(history);
    logits.resize(size_t(table.vocab));
    return reference::distribution(reference::penalize(logits, answer, params_.sampling), params_.sampling);
  }
  void begin_round(Tokens& answer, double probability) {
    if (int(answer.size()) == kLength) {
      distribution_[index(setup_, answer)] += probability;
      return;
    }
    const int room = kLength - int(answer.size()) - 1;
    position(answer, probability, params_.mode == Mode::kPlain || params_.mode == Mode::kRag ? 0 : std::min(params_.draft_length, room));
  }
  // `drafts` more drafted positions, then the bonus.
  void position(Tokens& answer, double probability, int drafts) {
    const Row p = distribution(setup_.target, setup_.target_prompt, answer);
    const Row q = distribution(setup_.drafter, setup_.drafter_prompt, answer);
    Row distribution = p;
    if (params_.mode == Mode::kRag) distribution = q;
    if (params_.mode == Mode::kExact) distribution = reference::transfer(p, q, params_.transfer, params_.plausibility);
    if (params_.mode == Mode::kPaper && drafts > 0) {
      distribution = reference::paper(p, q, reference::transfer(p, q, params_.transfer, params_.plausibility));
    }
    for (size_t x = 0; x < distribution.size(); x++) {
      const double stands = drafts > 0 ? std::min(distribution[x], q[x]) : 0, rest = distribution[x] - stands;
      answer.push_back(TokenId(x));
      if (stands > 0) position(answer, probability * stands, drafts - 1);
      if (rest > 0) begin_round(answer, probability * rest);
      answer.pop_back();
    }
  }

  const Setup& setup_;
  const DecodeParams& params_;
  std::vector<double> distribution_;
};

std::vector<int64_t> sample_sequences(const Setup& setup, DecodeParams params) {
  std::vector<int64_t> seen(Enumeration::cells(setup));
  for (int run = 0; run < kRuns; run++) {
    params.seed = 0x9e3779b97f4a7c15u * uint64_t(run + 1);
    seen[Enumeration::index(setup, fixture::run(setup, params).answer)]++;
  }
  return seen;
}

DecodeParams short_sample(Mode mode, int draft_length) {
  DecodeParams params;
  params.mode = mode;
  params.draft_length = draft_length;
  params.max_tokens = kLength;
  params.transfer = 4;
  params.sampling.temperature = 0.9;
  return params;
}

double p_value(const Setup& setup, const DecodeParams& params) {
  return chi_square::test(sample_sequences(setup, params), Enumeration(setup, params).distribution());
}

void check_distribution(const Setup& setup, const DecodeParams& params) {
  const double p = p_value(setup, params);
  CHECK_MSG(p > kAccepted, "mode " + std::to_string(int(params.mode)) + ", gamma " + std::to_string(params.draft_length) +
                               ", p-value " + std::to_string(p));
}

}  // namespace

TEST("plain samples the target, rag the drafter") {
  check_distribution({}, short_sample(Mode::kPlain, 4));
  check_distribution({}, short_sample(Mode::kRag, 4));
}

TEST("lossless samples the target's sequences for draft lengths 0, 1, 2 and 16") {
  for (const int length : {0, 1, 2, 16}) check_distribution({}, short_sample(Mode::kLossless, length));
}

TEST("exact samples the transferred target's sequences for draft lengths 0, 1, 2 and 16") {
  for (const int length : {0, 1, 2, 16}) check_distribution({}, short_sample(Mode::kExact, length));
}

TEST("paper samples pi at drafted positions and p at bonus positions for draft lengths 0, 1 and 2") {
  for (const int length : {0, 1, 2}) check_distribution({}, short_sample(Mode::kPaper, length));
}

TEST("the distributions hold under top-k, top-p, min-p and repetition penalty, identical for both models") {
  for (const Mode mode : {Mode::kPlain, Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    DecodeParams params = short_sample(mode, 2);
    params.sampling.top_k = 4;
    check_distribution({}, params);
    params = short_sample(mode, 2);
    params.sampling.top_p = 0.8;
    check_distribution({}, params);
    params = short_sample(mode, 2);
    params.sampling.min_p = 0.15;
    params.sampling.temperature = 1.4;
    check_distribution({}, params);
    params = short_sample(mode, 2);
    params.sampling.repetition_penalty = 2;
    params.sampling.repetition_window = 1;
    check_distribution({}, params);
  }
}

TEST("the distributions hold for a drafter that agrees always, hardly ever, and never (disjoint supports)") {
  for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    Setup same, far, disjoint;
    same.drafter = same.target;
    far.drafter.seed = 9;
    disjoint.drafter.seed = 5;
    check_distribution(same, short_sample(mode, 2));
    check_distribution(far, short_sample(mode, 2));
    DecodeParams params = short_sample(mode, 2);
    params.sampling.top_k = 1;  // one-hot rows: the two models mostly name different tokens
    check_distribution(disjoint, params);
  }
}

TEST("a confidence threshold shortens drafts without changing the distribution of lossless and exact") {
  for (const Mode mode : {Mode::kLossless, Mode::kExact}) {
    DecodeParams params = short_sample(mode, 2);
    params.confidence = 0.4;
    check_distribution({}, params);
  }
}

TEST("n-grams change no distribution: checked by the drafter in all modes, by the target in lossless") {
  Setup setup;
  setup.target_ms = 10;
  setup.drafter_ms = 5;
  for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    for (const bool direct : {false, true}) {
      if (direct && mode != Mode::kLossless) continue;
      setup.drafter_ms = direct ? 1000 : 5;
      DecodeParams params = short_sample(mode, direct ? -1 : 2);
      params.ngram_source = {1, 4, 0, 3, 2, 0, 1, 4, 0};  // the answer may begin with 3, 2
      params.costs = std::make_shared<ragdraft::decoding::DraftPolicy>();
      for (int i = 0; i < 8; i++) {
        const double step_ms = setup.drafter_ms;
        params.costs->record(
            {.drafted = 2, .draft_steps = 2, .draft_ms = 2 * step_ms, .check_rows = 2, .check_ms = step_ms, .verify_ms = 10});
        params.costs->record({.verify_ms = 10});
      }
      const DecodeStats stats = fixture::run(setup, params).stats;
      CHECK(rounds_of(stats, direct ? Source::kNgram : Source::kCascade) > 0);
      DecodeParams distribution = params;
      if (direct) distribution.draft_length = 0;  // the text of plain decoding
      const double p = chi_square::test(sample_sequences(setup, params), Enumeration(setup, distribution).distribution());
      CHECK_MSG(p > kAccepted,
                "mode " + std::to_string(int(mode)) + (direct ? ", direct" : ", cascade") + ", p-value " + std::to_string(p));
    }
  }
}

TEST("wrong distributions are rejected: p for exact and paper, p_hat for lossless, another temperature") {
  const Setup setup;
  const auto lossless = Enumeration(setup, short_sample(Mode::kLossless, 2)).distribution();
  const auto exact = Enumeration(setup, short_sample(Mode::kExact, 2)).distribution();
  CHECK(chi_square::test(sample_sequences(setup, short_sample(Mode::kExact, 2)), lossless) < kAccepted);
  CHECK(chi_square::test(sample_sequences(setup, short_sample(Mode::kPaper, 2)), lossless) < kAccepted);
  CHECK(chi_square::test(sample_sequences(setup, short_sample(Mode::kLossless, 2)), exact) < kAccepted);
  DecodeParams warmer = short_sample(Mode::kLossless, 2);
  warmer.sampling.temperature = 1;
  CHECK(chi_square::test(sample_sequences(setup, warmer), lossless) < kAccepted);
}

TEST("the enumeration is a distribution, and paper's sequences depend on the draft length while exact's do not") {
  const Setup setup;
  const auto distribution = [&](Mode mode, int length) { return Enumeration(setup, short_sample(mode, length)).distribution(); };
  for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    const Row row = distribution(mode, 2);
    CHECK(std::fabs(std::accumulate(row.begin(), row.end(), 0.0) - 1) < 1e-12);
  }
  CHECK(reference::total_variation(distribution(Mode::kExact, 0), distribution(Mode::kExact, 2)) < 1e-12);
  CHECK(reference::total_variation(distribution(Mode::kPaper, 0), distribution(Mode::kPaper, 2)) > 0.01);
}
