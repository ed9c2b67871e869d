#include "ops/cuda/kernels/round/judge.h"

#include <cmath>
#include <limits>
#include <random>

#include "chi_square.h"
#include "data_seed.h"
#include "reference_distribution.h"
#include "round_fixture.h"
#include "tap.h"

using namespace ragdraft;
using decoding::Mode;
using testing::DeviceRound;
using testing::HostRound;
using testing::RoundCase;
using testing::RoundResult;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class Cases {
 public:
  explicit Cases(uint32_t n) : random_(testing::seeded(n)) {}

  // Rows like those of models and of no model: flat and sharp, drafters near and far, ties, logits that are no numbers.
  RoundCase next(Mode mode, bool greedy, int valid, int drafts) {
    RoundCase c;
    c.params.mode = mode;
    c.params.sampling.temperature = greedy ? 0 : pick({0.3, 0.8, 1, 1.7});
    c.params.transfer = pick({0, 0.5, 10, 50, 3000});
    c.params.plausibility = pick({0, 0.1, 0.5, 1});
    c.params.transfer_temperature = pick({0.5, 1, 2});
    c.params.seed = random_();
    c.position = Position(random_() % 1000);
    c.valid = valid;
    c.padding = int(random_() % 40);
    c.drafts = drafts;
    c.bonus = !c.traits().bonus_q;
    const double spread = pick({0, 1, 3, 6}), distance = pick({0, 0.1, 0.5, 3});
    const bool ties = random_() % 3 == 0, strange = random_() % 4 == 0;
    for (int r = 0; r < c.rows(); r++) {
      std::vector<float> p(size_t(valid), 0), q(size_t(valid), 0);
      for (size_t i = 0; i < p.size(); i++) {
        p[i] = float(spread * normal_(random_));
        q[i] = float(double(p[i]) + distance * normal_(random_));
        for (float* const x : {&p[i], &q[i]}) {
          if (ties) *x = std::round(*x * 2) / 2;
          if (strange && i > 0 && random_() % 8 == 0) *x = random_() % 2 ? kNan : -kInfinity;
        }
      }
      c.p.push_back(p);
      if (r < drafts) c.q.push_back(q);
    }
    return c;
  }
  double pick(std::initializer_list<double> values) { return values.begin()[random_() % values.size()]; }

 private:
  std::mt19937 random_;
  std::normal_distribution<double> normal_;
};

std::string name_of(const RoundCase& c, const std::string& order) {
  return "mode " + std::to_string(int(c.params.mode)) + ", T " + std::to_string(c.params.sampling.temperature) + ", eta " +
         std::to_string(c.params.transfer) + ", alpha " + std::to_string(c.params.plausibility) + ", " +
         std::to_string(c.valid) + " tokens, " + std::to_string(c.drafts) + " drafts, " + order;
}

// Token for token. A number may fall within rounding of a border of the distribution function, which a GPU's exponentials put elsewhere in
// the seventh digit: then a temperature that differs as little gives the host the other token too.
void check_as_host(const RoundCase& c, const std::string& order) {
  const RoundResult device = DeviceRound(c).run(c.params.seed);
  HostRound host = testing::on_host(c);
  const auto same = [&] {
    const bool drafts = std::equal(host.drafts.begin(), host.drafts.end(), device.draft);
    return drafts && device.accepted == host.accepted && device.token == host.token;
  };
  if (same()) return;
  const std::string difference = std::to_string(device.accepted) + " " + std::to_string(device.token) + ", not " +
                                 std::to_string(host.accepted) + " " + std::to_string(host.token);
  for (const double change : {-3e-6, -3e-7, 3e-7, 3e-6}) {
    RoundCase near = c;
    near.params.sampling.temperature *= 1 + change;
    near.params.transfer_temperature *= 1 + change;
    host = testing::on_host(near);
    if (same()) return;
  }
  CHECK_MSG(false, name_of(c, order) + ": " + difference);
}

constexpr Mode kDraftingModes[] = {Mode::kLossless, Mode::kExact, Mode::kPaper};

}  // namespace

TEST("drafts, what stands of them and the last token are the host's: every distribution, greedy and sampled, vocabularies of one chunk") {
  Cases cases(1);
  std::mt19937 random(testing::seeded(2));
  for (int i = 0; i < 20; i++)
    for (const Mode mode : kDraftingModes)
      for (const bool greedy : {false, true}) {
        const int valid = std::array{2, 7, 40, 300, 2048}[random() % 5], drafts = 1 + int(random() % 16);
        check_as_host(cases.next(mode, greedy, valid, drafts), "forward");
      }
}

TEST("so they are over vocabularies of many chunks, in whatever order threads and blocks run") {
  testing::for_all_orders([](const std::string& order) {
    Cases cases(3);
    for (const Mode mode : kDraftingModes)
      for (const bool greedy : {false, true})
        for (const int valid : {2049, 12001}) check_as_host(cases.next(mode, greedy, valid, 3), order);
  });
}

TEST("so they are at 128K and 152K tokens") {
  Cases cases(4);
  check_as_host(cases.next(Mode::kLossless, false, 128256, 2), "forward");
  check_as_host(cases.next(Mode::kExact, false, 151936, 2), "forward");
  check_as_host(cases.next(Mode::kPaper, false, 151936, 2), "forward");
  check_as_host(cases.next(Mode::kExact, true, 151936, 2), "forward");
}

TEST("a round without drafts is a plain step") {
  Cases cases(5);
  for (int i = 0; i < 10; i++)
    for (const bool greedy : {false, true}) check_as_host(cases.next(Mode::kPlain, greedy, 50 + 400 * i, 0), "forward");
}

TEST("ties go to the smallest token, NaN never wins, padding is not seen") {
  RoundCase c;
  c.valid = 5000;
  c.padding = 9;
  c.drafts = 1;
  c.p = {std::vector<float>(5000, 1.0f), std::vector<float>(5000, -3.0f)};
  c.q = {std::vector<float>(5000, -kInfinity)};
  c.p[0][0] = kNan;
  c.p[1][4999] = c.p[1][2500] = c.p[1][2047] = kInfinity;  // a greedy choice may be infinite
  c.q[0][4000] = c.q[0][3999] = -3e38f;
  const RoundResult result = DeviceRound(c).run(0);
  CHECK(result.draft[0] == 3999 && result.accepted == 0 && result.token == 1);
  c.q[0][1] = -2e38f;
  const RoundResult stands = DeviceRound(c).run(0);
  CHECK(stands.draft[0] == 1 && stands.accepted == 1 && stands.token == 2047);
}

TEST("a row without a finite number, or with an infinite one, gives token -1 where it is needed, and only there") {
  Cases cases(7);
  for (const Mode mode : kDraftingModes)
    for (const float bad : {kNan, -kInfinity, kInfinity}) {
      RoundCase c = cases.next(mode, false, 100, 3);
      c.params.plausibility = 0.1;
      c.params.transfer = 10;
      c.q.assign(3, std::vector<float>(100, 0));
      c.p.assign(size_t(c.rows()), c.q[0]);  // equal distributions: every draft stands
      RoundCase no_q = c, no_p = c, no_bonus = c;
      no_q.q[1].assign(100, bad);
      RoundResult result = DeviceRound(no_q).run(3);
      CHECK(result.accepted == 1 && result.token == -1 && result.draft[1] == -1 && result.draft[2] >= 0);
      no_p.p[2].assign(100, bad);
      result = DeviceRound(no_p).run(3);
      CHECK(result.accepted == 2 && result.token == -1);
      if (c.bonus) {
        no_bonus.p[3].assign(100, bad);
        result = DeviceRound(no_bonus).run(3);
        CHECK(result.accepted == 3 && result.token == -1);
      }
      result = DeviceRound(c).run(3);
      CHECK(result.accepted == 3 && (result.token >= 0) == c.bonus);
      const size_t other = result.draft[0] == 7 ? 8 : 7;
      no_p.p[0].assign(100, -60);
      no_p.p[0][other] = 60;  // no draft stands: the round ends before the bad row
      no_p.params.transfer = 0;
      result = DeviceRound(no_p).run(3);
      CHECK(result.accepted == 0 && result.token >= 0);
    }
}

namespace {

// Tokens that positions under one distribution have given, of rounds with equal rows: every judged position until the first rejection.
std::vector<int64_t> sample(const RoundCase& c, int rounds) {
  std::vector<int64_t> seen(size_t(c.valid));
  DeviceRound device(c);
  for (int r = 0; r < rounds; r++) {
    const RoundResult result = device.run(0x9e3779b97f4a7c15u * uint64_t(r + 1));
    for (int i = 0; i < result.accepted; i++) seen[size_t(result.draft[i])]++;
    if (result.accepted < c.drafts) seen[size_t(result.token)]++;
  }
  return seen;
}

reference::Row distribution(const std::vector<float>& logits, const RoundCase& c) {
  return reference::distribution(reference::Row(logits.begin(), logits.end()), c.params.sampling);
}

reference::Row distribution_of(const RoundCase& c) {
  const reference::Row p = distribution(c.p[0], c), q = distribution(c.q[0], c);
  if (c.params.mode == Mode::kLossless) return p;
  const reference::Row p_hat = reference::transfer(p, q, c.params.transfer, c.params.plausibility);
  return c.params.mode == Mode::kExact ? p_hat : reference::paper(p, q, p_hat);
}

RoundCase distribution_case(Mode mode) {
  RoundCase c;
  c.params.mode = mode;
  c.params.sampling.temperature = 0.9;
  c.params.transfer = 4;
  c.valid = 6;
  c.padding = 2;
  c.drafts = 3;
  c.bonus = !c.traits().bonus_q;
  c.p.assign(size_t(c.rows()), {1.0f, 0.2f, -0.7f, 1.3f, -2.0f, 0.4f});
  c.q.assign(3, {0.1f, 1.1f, -0.4f, 1.2f, -0.5f, -1.0f});
  return c;
}

constexpr int kRounds = 400;
constexpr double kAccepted = 1e-4;  // p-value; the seeds are fixed

}  // namespace

TEST("judged positions follow the closed form of their distribution, and no other one") {
  for (const Mode mode : kDraftingModes) {
    const std::vector<int64_t> seen = sample(distribution_case(mode), kRounds);
    for (const Mode distribution : kDraftingModes) {
      const double p = chi_square::test(seen, distribution_of(distribution_case(distribution)));
      CHECK_MSG(mode == distribution ? p > kAccepted : p < kAccepted,
                "mode " + std::to_string(int(mode)) + ", distribution of " + std::to_string(int(distribution)) + ", p-value " + std::to_string(p));
    }
  }
}

TEST("drafts follow q, and the token of a plain step p") {
  RoundCase c = distribution_case(Mode::kLossless);
  std::vector<int64_t> drafts(6), tokens(6);
  DeviceRound device(c);
  for (int r = 0; r < 200; r++) {
    const RoundResult result = device.run(uint64_t(r));
    for (int i = 0; i < c.drafts; i++) drafts[size_t(result.draft[i])]++;
  }
  CHECK(chi_square::test(drafts, distribution(c.q[0], c)) > kAccepted);
  RoundCase plain = c;
  plain.params.mode = Mode::kPlain;
  plain.drafts = 0;
  plain.p.resize(1);
  plain.q.clear();
  DeviceRound plain_device(plain);
  for (int r = 0; r < 600; r++) tokens[size_t(plain_device.run(uint64_t(r)).token)]++;
  CHECK(chi_square::test(tokens, distribution(c.p[0], c)) > kAccepted);
  CHECK(chi_square::test(drafts, distribution(c.p[0], c)) < kAccepted);
}
