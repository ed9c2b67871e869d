#include "decoding/transfer.h"

#include <cmath>

#include "random_distributions.h"
#include "sampling/sampler.h"
#include "tap.h"

using namespace ragdraft;
using namespace ragdraft::decoding;
using reference::Row;

namespace {

constexpr int kCases = 10000;

double sum(const Row& row) { return std::accumulate(row.begin(), row.end(), 0.0); }

Row p_hat_of(const random_distributions::Case& c) {
  Row out(c.p.size());
  transfer<double>(c.p, c.q, {c.eta, c.plausibility}, out);
  return out;
}

}  // namespace

TEST("p_hat equals p * exp(eta * (q - p)) / Z with the plausibility mask in 10,000 random cases, eta up to 3000") {
  std::mt19937_64 random(1);
  double worst = 0, worst_sum = 0;
  for (int i = 0; i < kCases; i++) {
    const auto c = random_distributions::next(random);
    const Row got = p_hat_of(c);
    worst = std::max(worst, reference::total_variation(got, reference::transfer(c.p, c.q, c.eta, c.plausibility)));
    worst_sum = std::max(worst_sum, std::fabs(sum(got) - 1));
  }
  CHECK_MSG(worst < 1e-12, std::to_string(worst));  // exponents of up to 3000 cost four digits of the sixteen
  CHECK(worst_sum < 1e-13);
}

TEST("decoding's float rows give the same p_hat and pi to float precision") {
  std::mt19937_64 random(2);
  double worst = 0;
  for (int i = 0; i < kCases; i++) {
    auto c = random_distributions::next(random);
    c.eta = std::min(c.eta, 50.0);
    std::vector<float> p(c.p.begin(), c.p.end()), q(c.q.begin(), c.q.end()), distribution(p.size());
    transfer<float>(p, q, {c.eta, c.plausibility}, distribution);
    // The mask compares q with a share of its maximum: the reference must look at the same rounded rows.
    const Row rounded_p(p.begin(), p.end()), rounded_q(q.begin(), q.end());
    const Row want = reference::transfer(rounded_p, rounded_q, c.eta, c.plausibility);
    worst = std::max(worst, reference::total_variation(Row(distribution.begin(), distribution.end()), want));
    paper_distribution<float>(p, q, distribution);
    worst = std::max(worst, std::fabs(sum(Row(distribution.begin(), distribution.end())) - 1));
  }
  CHECK_MSG(worst < 2e-6, std::to_string(worst));
}

TEST("an eta of 0, and q equal to p, leave the target as it is") {
  const Row p{0.1, 0.2, 0.7, 0}, q{0.5, 0, 0.25, 0.25};
  CHECK(reference::total_variation(p_hat_of({p, q, 0, 0.1}), p) < 1e-15);
  CHECK(reference::total_variation(p_hat_of({p, p, 1000, 0.1}), p) < 1e-12);
}

TEST("the mask holds back tokens that the drafter finds implausible, and never revives what p excludes") {
  const Row p{0.3, 0.3, 0.4, 0}, q{0.04, 0.16, 0.5, 0.3};
  const Row p_hat = p_hat_of({p, q, 10, 0.1});  // 0.04 < 0.1 * 0.5: its exponent is 0, not -2.6
  CHECK(std::fabs(p_hat[0] / p_hat[2] - 0.3 / (0.4 * std::exp(1.0))) < 1e-14);
  CHECK(p_hat[3] == 0);
}

TEST("an eta of thousands stays finite, in the extreme that all mass sits where it is pushed down") {
  for (const double eta : {1e3, 1e5, 1e300}) {
    const std::vector<float> p{1, 0, 0}, q{0.5f, 0.5f, 0}, near{1 - 1e-6f, 1e-6f, 0}, far{0, 1, 0};
    std::vector<float> out(3);
    transfer<float>(p, q, {eta, 0.1}, out);
    CHECK(out == p);
    transfer<float>(near, far, {eta, 0}, out);
    CHECK(out[0] == 0 && out[1] == 1);
    transfer<float>(near, far, {eta, 0.1}, out);
    CHECK(out[0] == 0 && out[1] == 1);
  }
}

TEST("pi is its definition, covers min(q, p_hat), sums to 1, and TV(pi, p) is N, never more than TV(q, p)") {
  std::mt19937_64 random(3);
  double worst = 0, worst_cover = 0, worst_variation = 0, worst_bound = 0;
  for (int i = 0; i < kCases; i++) {
    const auto c = random_distributions::next(random);
    const Row p_hat = p_hat_of(c);
    Row pi = p_hat;
    paper_distribution<double>(c.p, c.q, pi);
    worst = std::max({worst, reference::total_variation(pi, reference::paper(c.p, c.q, p_hat)), std::fabs(sum(pi) - 1)});
    double overshoot = 0;
    for (size_t v = 0; v < pi.size(); v++) {
      const double m = std::min(c.q[v], p_hat[v]);
      worst_cover = std::max(worst_cover, m - pi[v]);
      overshoot += std::max(m - c.p[v], 0.0);
    }
    worst_variation = std::max(worst_variation, std::fabs(reference::total_variation(pi, c.p) - overshoot));
    worst_bound = std::max(worst_bound, reference::total_variation(pi, c.p) - reference::total_variation(c.q, c.p));
  }
  CHECK_MSG(worst < 1e-12, std::to_string(worst));
  CHECK(worst_cover < 1e-15);
  CHECK(worst_variation < 1e-12);
  CHECK(worst_bound < 1e-12);
}

TEST("the documented example overshoots: p = (.4, .6), q = (.8, .2), eta = 10 gives p_hat = (.9995, .0005) and pi = q") {
  const Row p{0.4, 0.6}, q{0.8, 0.2};
  Row distribution = p_hat_of({p, q, 10, 0.1});
  CHECK(std::fabs(distribution[0] - 0.9995) < 5e-5);
  paper_distribution<double>(p, q, distribution);
  CHECK(std::fabs(distribution[0] - 0.8) < 1e-12 && std::fabs(distribution[1] - 0.2) < 1e-12);
}

TEST("the greedy form picks the argmax of z + eta * tau * (q - p)") {
  std::mt19937 random(4);
  std::normal_distribution<float> normal(0, 2);
  int moved = 0;
  for (int trial = 0; trial < 2000; trial++) {
    std::vector<float> z(12), zq(12), p(12), q(12);
    for (size_t i = 0; i < z.size(); i++) zq[i] = z[i] = normal(random), zq[i] += normal(random);
    sampling::SamplingParams params;
    params.temperature = std::array{0.5, 1.0, 2.0}[trial % 3];
    sampling::to_distribution(z, 12, params, p);
    sampling::to_distribution(zq, 12, params, q);
    const double eta = std::array{0.0, 2.0, 10.0, 5000.0}[trial % 4], floor = 0.1 * *std::max_element(q.begin(), q.end());
    Row z_hat(z.begin(), z.end());
    for (size_t i = 0; i < z.size(); i++) z_hat[i] += q[i] >= floor ? eta * params.temperature * (double(q[i]) - p[i]) : 0;
    const auto want = TokenId(std::max_element(z_hat.begin(), z_hat.end()) - z_hat.begin());
    CHECK(transfer_argmax(z, p, q, {eta, 0.1}, params.temperature) == want);
    moved += want != sampling::argmax(z, 12);
    if (eta == 0) CHECK(want == sampling::argmax(z, 12));
  }
  CHECK(moved > 100);
}

TEST("the greedy form takes the smallest index of equals, never NaN, and -1 where no number is left") {
  const std::vector<float> half{0.5f, 0.5f, 0};
  CHECK(transfer_argmax(std::vector<float>{1, 1, 0}, half, half, {10, 0.1}, 1) == 0);
  CHECK(transfer_argmax(std::vector<float>{NAN, 1, 0}, half, half, {10, 0.1}, 1) == 1);
  CHECK(transfer_argmax(std::vector<float>{NAN, NAN, -INFINITY}, half, half, {10, 0.1}, 1) == -1);
}
