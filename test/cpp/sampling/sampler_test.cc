#include "sampling/sampler.h"

#include <cmath>
#include <limits>
#include <random>

#include "chi_square.h"
#include "reference_distribution.h"
#include "tap.h"

using namespace ragdraft;
using namespace ragdraft::sampling;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> distribution(const std::vector<float>& logits, const SamplingParams& params, int valid = -1) {
  std::vector<float> out(logits.size(), -1);
  to_distribution(logits, valid < 0 ? int(logits.size()) : valid, params, out);
  return out;
}

SamplingParams with(void (*change)(SamplingParams&)) {
  SamplingParams params;
  params.temperature = 1;
  change(params);
  return params;
}

}  // namespace

TEST("distributions equal a sorting double-precision reference for random logits and all truncations") {
  std::mt19937 random(1);
  double worst = 0;
  for (int trial = 0; trial < 3000; trial++) {
    std::vector<float> logits(size_t(2 + random() % 60));
    std::normal_distribution<float> normal(0, 3);
    for (float& l : logits) l = normal(random);
    SamplingParams params;
    params.temperature = std::array{0.1, 0.7, 1.0, 2.5}[random() % 4];
    if (random() % 2) params.top_k = int(1 + random() % 70);
    if (random() % 2) params.top_p = 0.05 + 0.9 * double(random() % 1000) / 1000;
    if (random() % 2) params.min_p = 0.3 * double(random() % 1000) / 1000;
    const auto got = distribution(logits, params);
    const auto want = reference::distribution(reference::Row(logits.begin(), logits.end()), params);
    for (size_t i = 0; i < got.size(); i++) worst = std::max(worst, std::fabs(double(got[i]) - want[i]));
  }
  CHECK_MSG(worst < 5e-7, std::to_string(worst));  // a few roundings of f32
}

TEST("top-p keeps the same tokens as a sort in a vocabulary of 152,064") {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(152064);
  for (float& l : logits) l = normal(random);
  for (const double top_p : {1e-9, 0.1, 0.5, 0.95, 0.999999, std::nextafter(1.0, 0.0)}) {
    SamplingParams params;
    params.temperature = 0.8;
    params.top_p = top_p;
    const auto got = distribution(logits, params);
    std::vector<float> sorted(got);
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const auto full = distribution(logits, with([](SamplingParams& p) { p.temperature = 0.8; }));
    std::vector<float> whole(full);
    std::sort(whole.begin(), whole.end(), std::greater<>());
    double mass = 0;
    size_t needed = 0;
    while (needed < whole.size() && mass < top_p) mass += whole[needed++];
    const auto kept = size_t(std::count_if(got.begin(), got.end(), [](float x) { return x > 0; }));
    CHECK_MSG(std::abs(int64_t(kept) - int64_t(needed)) <= int64_t(needed / 1000) + 1,  // sums of f32: the last few may differ
              std::to_string(kept) + " of " + std::to_string(needed));
    double sum = 0;
    for (const float x : got) sum += x;
    CHECK(std::fabs(sum - 1) < 1e-5);
  }
}

TEST("top-k and top-p break ties by the smaller index and keep exactly as many as they must") {
  const std::vector<float> flat(10, 1.5f);
  CHECK(distribution(flat, with([](SamplingParams& p) { p.top_k = 3; })) ==
        (std::vector<float>{1 / 3.f, 1 / 3.f, 1 / 3.f, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(distribution(flat, with([](SamplingParams& p) { p.top_p = 0.35; })) ==
        (std::vector<float>{0.25f, 0.25f, 0.25f, 0.25f, 0, 0, 0, 0, 0, 0}));
  CHECK(distribution({2, 3, 1, 2, 2}, with([](SamplingParams& p) { p.top_k = 2; }))[3] == 0);
  CHECK(distribution({2, 3, 1, 2, 2}, with([](SamplingParams& p) { p.top_k = 2; }))[0] > 0);
  CHECK(distribution({5, 4}, with([](SamplingParams& p) { p.top_p = 1e-12; })) == (std::vector<float>{1, 0}));
}

TEST("min-p drops what is below its share of the maximum and keeps the maximum") {
  const std::vector<float> logits{0, std::log(0.5f), std::log(0.1f), -kInf};
  const auto got = distribution(logits, with([](SamplingParams& p) { p.min_p = 0.3; }));
  CHECK(std::fabs(got[0] - 2 / 3.0) < 1e-6 && std::fabs(got[1] - 1 / 3.0) < 1e-6 && got[2] == 0 && got[3] == 0);
  CHECK(distribution({7, 7}, with([](SamplingParams& p) { p.min_p = 0.999; })) == (std::vector<float>{0.5f, 0.5f}));
}

TEST("padding of the vocabulary, -inf and NaN get probability 0") {
  const auto got = distribution({0, kNan, -kInf, 0, 90, kNan}, with([](SamplingParams&) {}), 4);
  CHECK(got == (std::vector<float>{0.5f, 0, 0, 0.5f, 0, 0}));
  CHECK(distribution({kNan, 1, kNan, 0}, with([](SamplingParams& p) { p.top_k = 1; })) == (std::vector<float>{0, 1, 0, 0}));
  CHECK(distribution({kNan, 1, kNan, 1}, with([](SamplingParams& p) { p.top_k = 3; })) == (std::vector<float>{0, 0.5f, 0, 0.5f}));
}

TEST("a row without a finite logit, or with an infinite one, is ERR_INTERNAL") {
  const auto plain = with([](SamplingParams&) {});
  CHECK_THROWS(kInternal, distribution({kNan, kNan}, plain));
  CHECK_THROWS(kInternal, distribution({-kInf, kNan}, plain));
  CHECK_THROWS(kInternal, distribution({0, kInf}, plain));
  CHECK_THROWS(kInternal, distribution({kNan, kNan, 1}, plain, 2));
}

TEST("extreme temperatures and logits stay distributions") {
  for (const double temperature : {5e-324, 1e-30, 1e-3, 1e3, 1e300}) {
    SamplingParams params;
    params.temperature = temperature;
    const auto got = distribution({-3e38f, 3e38f, 0, 3e38f}, params);
    CHECK(std::fabs(got[0] + got[1] + got[2] + got[3] - 1) < 1e-6 && got[1] == got[3]);
  }
}

TEST("argmax takes the smallest index of equals, never NaN, and -1 where no number is left") {
  CHECK(argmax(std::vector<float>{1, 3, 3, 2}, 4) == 1);
  CHECK(argmax(std::vector<float>{kNan, -5, kNan}, 3) == 1);
  CHECK(argmax(std::vector<float>{1, 2, 9}, 2) == 1);
  CHECK(argmax(std::vector<float>{kNan, -kInf}, 2) == -1);
}

TEST("penalties divide positive and multiply negative logits, each token once") {
  std::vector<float> logits{2, -2, 0, 4, 1};
  penalize(logits, std::vector<TokenId>{3, 1, 3, 0, 3, 99, -1}, 2);
  CHECK(logits == (std::vector<float>{1, -4, 0, 2, 1}));
  penalize(logits, std::vector<TokenId>{0, 1, 2}, 1);
  CHECK(logits == (std::vector<float>{1, -4, 0, 2, 1}));
}

TEST("sampling inverts the cumulative distribution in index order and scales u by the sum") {
  const std::vector<float> weights{0, 1, 0, 2, 1, 0};
  CHECK(sample(weights, 1e-300) == 1);
  CHECK(sample(weights, 0.25) == 1);
  CHECK(sample(weights, 0.2500001) == 3);
  CHECK(sample(weights, 0.75) == 3);
  CHECK(sample(weights, 0.76) == 4);
  CHECK(sample(weights, 1) == 4);
  CHECK(sample(std::vector<float>{0, 0}, 0.5) == -1);
}

TEST("sampled tokens follow the weights (chi-square), and a wrong law is rejected") {
  const std::vector<float> weights{0.5f, 0, 0.2f, 0.05f, 0.25f};
  std::vector<int64_t> seen(weights.size());
  const PositionRng rng(3);
  for (int i = 0; i < 40000; i++) seen[size_t(sample(weights, rng.uniform(i, Purpose::kDraft)))]++;
  CHECK(chi_square::test(seen, {0.5, 0, 0.2, 0.05, 0.25}) > 1e-4);
  CHECK(chi_square::test(seen, {0.48, 0, 0.2, 0.05, 0.27}) < 1e-4);
}
