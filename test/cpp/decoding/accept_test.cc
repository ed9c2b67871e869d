#include "decoding/accept.h"

#include <cmath>

#include "chi_square.h"
#include "random_distributions.h"
#include "decoding/transfer.h"
#include "tap.h"

using namespace ragdraft;
using namespace ragdraft::decoding;
using reference::Row;

namespace {

// The distribution of the emitted token in closed form: over all drafts x ~ q, accepted or replaced.
Row output_distribution(const Row& q, const Row& target) {
  Row out(q.size()), rest(q.size());
  double rejected = 0;
  for (size_t x = 0; x < q.size(); x++) {
    if (q[x] == 0) continue;
    const double accepted = accept_probability(target[x], q[x]);
    out[x] += q[x] * accepted;
    rejected += q[x] * (1 - accepted);
  }
  double mass = residual<double>(q, target, rest);
  if (mass == 0) {
    rest = target;
    mass = 1;
  }
  for (size_t x = 0; x < q.size(); x++) out[x] += rejected * rest[x] / mass;
  return out;
}

double acceptance(const Row& q, const Row& target) { return 1 - reference::total_variation(q, target); }

}  // namespace

TEST("accept and residual give exactly p (lossless), p_hat (exact) and pi (paper) in 10,000 random cases") {
  std::mt19937_64 random(11);
  double lossless = 0, exact = 0, paper = 0;
  for (int i = 0; i < 10000; i++) {
    const auto c = random_distributions::next(random);
    Row distribution(c.p.size());
    lossless = std::max(lossless, reference::total_variation(output_distribution(c.q, c.p), c.p));
    transfer<double>(c.p, c.q, {c.eta, c.plausibility}, distribution);
    const Row p_hat = reference::transfer(c.p, c.q, c.eta, c.plausibility);
    exact = std::max(exact, reference::total_variation(output_distribution(c.q, distribution), p_hat));
    paper_distribution<double>(c.p, c.q, distribution);
    paper = std::max(paper, reference::total_variation(output_distribution(c.q, distribution), reference::paper(c.p, c.q, p_hat)));
  }
  CHECK_MSG(lossless < 1e-12, std::to_string(lossless));
  CHECK_MSG(exact < 1e-12, std::to_string(exact));
  CHECK_MSG(paper < 1e-12, std::to_string(paper));
}

TEST("the published rule samples the very pi that paper mode targets, and paper mode accepts at least as often") {
  std::mt19937_64 random(12);
  double worst = 0, worst_acceptance = 0, published_from_p = 0;
  for (int i = 0; i < 10000; i++) {
    const auto c = random_distributions::next(random);
    const Row p_hat = reference::transfer(c.p, c.q, c.eta, c.plausibility);
    Row pi = p_hat, published(c.p.size()), rest(c.p.size());
    paper_distribution<double>(c.p, c.q, pi);
    double beta = 0;
    for (size_t x = 0; x < pi.size(); x++) {
      published[x] = std::min(c.q[x], p_hat[x]);  // accept with min(1, p_hat / q)
      beta += published[x];
      rest[x] = std::max({c.p[x] - p_hat[x], c.p[x] - c.q[x], 0.0});
    }
    const double mass = std::accumulate(rest.begin(), rest.end(), 0.0);
    for (size_t x = 0; x < pi.size() && mass > 0; x++) published[x] += (1 - beta) * rest[x] / mass;
    if (mass > 1e-6) worst = std::max(worst, reference::total_variation(published, pi));  // below: 0 / 0, rounding only
    worst_acceptance = std::max(worst_acceptance, beta - acceptance(c.q, pi));
    published_from_p = std::max(published_from_p, reference::total_variation(published, c.p));
  }
  CHECK_MSG(worst < 1e-9, std::to_string(worst));
  CHECK(worst_acceptance < 1e-12);
  CHECK(published_from_p > 0.1);  // what its authors claim does not hold
}

TEST("a draft is always accepted where q equals the target, never where the target excludes it") {
  const std::vector<float> p{0.25f, 0.25f, 0.5f, 0}, impossible{0, 0, 0, 1};
  std::vector<float> scratch(4);
  for (uint64_t seed = 0; seed < 2000; seed++) {
    const sampling::PositionRng rng(seed);
    const Acceptance same = accept(TokenId(seed % 3), p, p, 0, rng, scratch);
    CHECK(same.accepted && same.token == TokenId(seed % 3));
    const Acceptance other = accept(3, impossible, p, 0, rng, scratch);
    CHECK(!other.accepted && other.token >= 0 && other.token < 3);
  }
}

TEST("a rejection without residual mass falls back to the target") {
  // Rows that do not sum to 1 to the last bit can leave a rejection with nothing to draw from.
  const std::vector<float> target{0.5f, 0.5f}, q{0.75f, 0.5f};
  std::vector<float> scratch(2);
  int rejected = 0;
  for (uint64_t seed = 0; seed < 300; seed++) {
    const Acceptance verdict = accept(0, q, target, 0, sampling::PositionRng(seed), scratch);
    rejected += !verdict.accepted;
    CHECK(verdict.token == 0 || verdict.token == 1);
  }
  CHECK(rejected > 50);
}

TEST("accepted and replaced tokens follow the target at every position (chi-square), and not q") {
  const std::vector<float> q{0.1f, 0.4f, 0.3f, 0.2f, 0}, target{0.3f, 0.1f, 0.3f, 0.05f, 0.25f};
  std::vector<float> scratch(5);
  for (const Position position : {0, 5}) {
    std::vector<int64_t> seen(5);
    for (uint64_t seed = 0; seed < 40000; seed++) {
      const sampling::PositionRng rng(seed);
      const TokenId draft = sampling::sample(q, rng.uniform(position, sampling::Purpose::kDraft));
      seen[size_t(accept(draft, q, target, position, rng, scratch).token)]++;
    }
    CHECK(chi_square::test(seen, {0.3, 0.1, 0.3, 0.05, 0.25}) > 1e-4);
    CHECK(chi_square::test(seen, {0.1, 0.4, 0.3, 0.2, 0}) < 1e-4);
  }
}
