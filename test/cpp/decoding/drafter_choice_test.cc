// Which drafter drafts, and when a drafter's own prompt is read: costs change, the text does not.
#include <algorithm>
#include <array>
#include <functional>

#include "decoder_fixture.h"
#include "decoding/policy/ledger.h"

using namespace ragdraft;
using namespace fixture;
using decoding::DraftPolicy;

namespace {

// A self-drafter whose passes cost what they should.
class TimedSelfDrafter : public table::SelfDrafter {
 public:
  TimedSelfDrafter(const Table& table, table::Model& target, double pass_ms) : SelfDrafter(table, target), target_(target), pass_ms_(pass_ms) {}
  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override {
    std::swap(target_.pass_ms, pass_ms_);
    SelfDrafter::forward(tokens, logit_rows, logits);
    std::swap(target_.pass_ms, pass_ms_);
  }

 private:
  table::Model& target_;
  double pass_ms_;
};

constexpr float kTwin = 0, kStranger = 50;  // disagreement

struct Machine {
  float drafter = kTwin, self_drafter = kTwin;
  bool with_self_drafter = false;
  double drafter_ms = 1, self_ms = 5.5, row_ms = 0.01;  // a plain step takes 10
  int prompt = 2000;                                     // tokens of the drafter's prompt
  int fail_in_drafter_passes = -1;
};

struct Answer {
  Tokens tokens;
  DecodeStats stats;
  double ms = 0, first_ms = 0;  // the first token's
  int drafter_rows_at_first = 0;
};

Table table_of(float disagreement) { return {.vocab = 40, .disagreement = disagreement}; }

Answer answer(const Machine& machine, Mode mode, int tokens, const std::shared_ptr<DraftPolicy>& costs, uint64_t seed = 0) {
  double clock_ms = 0;
  Tokens prompt(size_t(machine.prompt), 7);
  prompt.insert(prompt.end(), {0, 2});
  table::Model target(table_of(0), {0, 1, 2, 3, 4, 5, 0}), drafter(table_of(machine.drafter), {});
  for (table::Model* model : {&target, &drafter}) {
    model->clock_ms = &clock_ms;
    model->row_ms = machine.row_ms;
  }
  target.pass_ms = 10 - machine.row_ms;
  drafter.pass_ms = machine.drafter_ms;
  drafter.fail_in_passes = machine.fail_in_drafter_passes;
  TimedSelfDrafter self_drafter(table_of(machine.self_drafter), target, machine.self_ms);
  DecodeParams params = seed > 0 ? sampled(mode, -1, seed, tokens) : greedy(mode, -1, tokens);
  params.ngram = false;
  params.costs = costs;
  params.draft_model_share = machine.drafter_ms / 10;
  params.self_drafter_share = machine.self_ms / 10;
  params.read_ms = machine.row_ms;
  params.now_ms = [&] { return clock_ms; };
  Decoder decoder(&target, {2}, mode == Mode::kPlain ? nullptr : &drafter, mode == Mode::kPlain ? Tokens{} : prompt, params,
                  machine.with_self_drafter && mode == Mode::kLossless ? &self_drafter : nullptr);
  Answer result;
  while (decoder.finish() == Finish::kNone) {
    try {
      const auto step = decoder.step();
      CHECK(!step.empty());  // also while a prompt is read
      if (result.tokens.empty()) {
        result.first_ms = clock_ms;
        result.drafter_rows_at_first = drafter.rows;
      }
      result.tokens.insert(result.tokens.end(), step.begin(), step.end());
      CHECK(holds(target.cache(), {0, 1, 2, 3, 4, 5, 0, 2}, result.tokens, 1));
    } catch (const std::runtime_error&) {
      drafter.fail_in_passes = -1;
      CHECK(holds(target.cache(), {0, 1, 2, 3, 4, 5, 0, 2}, result.tokens, 1));
    }
    CHECK(holds(drafter.cache(), prompt, result.tokens, 1 << 20));
  }
  result.stats = decoder.stats();
  result.ms = clock_ms;
  return result;
}

double plain_ms(int tokens) { return 10.0 * tokens; }

}  // namespace

TEST("the first token waits for no drafter's prompt, and the answer is plain's whether or not it is read") {
  int read = 0, unread = 0;
  for (const bool with_self_drafter : {false, true}) {
    for (const float disagreement : {kTwin, 0.5f, kStranger}) {
      for (const double row_ms : {0.001, 0.05, 1.0}) {
        const Machine machine{.drafter = disagreement, .self_drafter = 1, .with_self_drafter = with_self_drafter, .row_ms = row_ms};
        auto costs = std::make_shared<DraftPolicy>();
        const Tokens want = answer(machine, Mode::kPlain, 400, nullptr).tokens;
        for (int question = 0; question < 3; question++) {
          const Answer got = answer(machine, Mode::kLossless, 400, costs);
          CHECK(got.tokens == want);
          if (question == 0) CHECK(got.first_ms == 10 && got.drafter_rows_at_first == 0);
          (got.stats.read_tokens >= 2000 ? read : unread)++;
        }
        const Answer exact = answer(Machine{.drafter = disagreement, .row_ms = row_ms}, Mode::kExact, 5, nullptr);
        CHECK(exact.drafter_rows_at_first >= 2000 && exact.stats.read_tokens == 0);  // the mode needs q
      }
    }
  }
  CHECK(read > 0 && unread > 0);
}

TEST("a session with a second drafter keeps .97 of plain decoding's speed, however useless the drafter and long its prompt") {
  for (const bool with_self_drafter : {false, true}) {
    for (const double row_ms : {0.001, 0.01, 0.05, 0.3}) {
      for (const double drafter_ms : {0.5, 2.0, 8.0}) {
        for (const int tokens : {50, 300, 2000}) {
          const Machine machine{
              .drafter = kStranger, .self_drafter = kStranger, .with_self_drafter = with_self_drafter, .drafter_ms = drafter_ms, .row_ms = row_ms};
          auto costs = std::make_shared<DraftPolicy>();
          double ms = 0;
          int64_t accepted = 0, drafted = 0;
          for (int question = 1; question <= 4; question++) {
            const Answer got = answer(machine, Mode::kLossless, tokens, costs);
            ms += got.ms;
            accepted += got.stats.accepted;
            drafted += got.stats.drafted;
            const double speed = question * plain_ms(tokens) / ms;
            CHECK_MSG(speed >= 0.97, std::to_string(speed) + " after " + std::to_string(question) + " of " + std::to_string(tokens) +
                                         " tokens, row " + std::to_string(row_ms) + ", draft " + std::to_string(drafter_ms));
          }
          CHECK(accepted <= drafted / 3);  // they are strangers
        }
      }
    }
  }
}

TEST("a prompt is read where it pays: late in the first long answer, early in the next one, never for a short one at a high price") {
  const Machine cheap{.row_ms = 0.01};  // 2,000 tokens: two plain steps
  auto costs = std::make_shared<DraftPolicy>();
  const Answer first = answer(cheap, Mode::kLossless, 600, costs), second = answer(cheap, Mode::kLossless, 600, costs);
  CHECK(first.stats.read_tokens >= 2000 && second.stats.read_tokens >= 2000);
  CHECK_MSG(first.ms < 0.6 * plain_ms(600) && second.ms < first.ms, std::to_string(first.ms) + ", then " + std::to_string(second.ms));
  CHECK(first.stats.draft_model.rounds > 0 && first.stats.draft_model.accepted == first.stats.accepted && first.stats.self_drafter.rounds == 0);

  const Machine dear{.row_ms = 1};  // 200 plain steps
  costs = std::make_shared<DraftPolicy>();
  for (int question = 0; question < 3; question++) CHECK(answer(dear, Mode::kLossless, 200, costs).stats.read_tokens < 64);
}

TEST("of two drafters the one that is faster drafts: by what its steps cost, what stands, and what it would have to read") {
  const auto shares = [](const Machine& machine) {
    auto costs = std::make_shared<DraftPolicy>();
    std::array<double, 2> rounds{};  // of the third answer
    for (int question = 0; question < 3; question++) {
      const Answer got = answer(machine, Mode::kLossless, 400, costs);
      const double all = double(got.stats.draft_model.rounds + got.stats.self_drafter.rounds);
      rounds = {double(got.stats.draft_model.rounds) / all, double(got.stats.self_drafter.rounds) / all};
      CHECK(all > 10);
    }
    return rounds;
  };
  Machine machine{.with_self_drafter = true};
  CHECK(shares(machine)[0] > 0.6);  // equally right, a fifth of the cost: all rounds but those that go by while its prompt is read
  machine.drafter = kStranger;
  CHECK(shares(machine)[1] > 0.9);  // cheap and wrong
  machine = {.self_drafter = kStranger, .with_self_drafter = true};
  CHECK(shares(machine)[0] > 0.8);
  machine = {.with_self_drafter = true, .row_ms = 1};  // its prompt takes as long as 200 tokens
  machine.drafter_ms = 1;
  CHECK(shares(machine)[1] == 1);
}

TEST("sampled answers with two drafters are whole, and passes that fail while a prompt is read leave the committed state") {
  const Machine machine{.drafter = 0.4f, .self_drafter = 0.8f, .with_self_drafter = true, .row_ms = 0.01};
  for (uint64_t seed = 1; seed <= 5; seed++) {
    auto costs = std::make_shared<DraftPolicy>();
    for (int question = 0; question < 2; question++) CHECK(answer(machine, Mode::kLossless, 300, costs, seed).tokens.size() == 300);
  }
  const Tokens want = answer(machine, Mode::kPlain, 300, nullptr).tokens;
  for (int fail_after = 0; fail_after < 12; fail_after++) {
    for (const bool with_self_drafter : {false, true}) {
      Machine failing = machine;
      failing.with_self_drafter = with_self_drafter;
      failing.fail_in_drafter_passes = fail_after;
      CHECK(answer(failing, Mode::kLossless, 300, std::make_shared<DraftPolicy>()).tokens == want);
    }
  }
}

TEST("a self-drafter and a draft model are refused where lengths are fixed or the mode needs q, and a self-drafter is in mode plain") {
  table::Model target(table_of(0), {0}), drafter(table_of(0), {0});
  table::SelfDrafter self_drafter(table_of(0), target);
  const auto open = [&](DecodeParams params) { Decoder(&target, {2}, params.mode == Mode::kPlain ? nullptr : &drafter, {2}, params, &self_drafter); };
  CHECK_THROWS(kInvalidArgument, open(greedy(Mode::kLossless, 4)));
  CHECK_THROWS(kInvalidArgument, open(greedy(Mode::kExact, -1)));
  CHECK_THROWS(kInvalidArgument, open(greedy(Mode::kPlain, -1)));
  open(greedy(Mode::kLossless, -1));
}
