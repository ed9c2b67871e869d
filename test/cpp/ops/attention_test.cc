// Attention of the CPU backend: against the reference for every instruction set, and bit for bit against itself.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "kv_fixture.h"
#include "ops/backend.h"
#include "tap.h"
#include "tier.h"

namespace {

using namespace ragdraft;
using fixture::Cache;
using fixture::random_values;
using kv::KvLayout;
using kv::KvSpan;
using kv::KvType;

constexpr int kLayer = 1;  // of two: a wrong offset hits the other layer
constexpr KvType kTypes[] = {KvType::kF16, KvType::kBF16, KvType::kF32, KvType::kQ8};

// Largest difference from the f64 reference for values in [-1, 1] and scores in about [-4, 4]. Keys and values are the same
// bits on both sides, so only the arithmetic differs.
//   F32, F16: f32 sums of up to 256 products and 4,500 weights; exp to 2e-7.                              Measured: 6e-7.
//   BF16: queries and weights have 8 significant bits, 2^-9 relative; a query's error spreads over its
//         dimensions, so a weight is off by about 4 * 2^-9 / sqrt(head_dim) + 2^-9.                        Measured: 3.4e-3.
//   Q8:   a query's bytes are off by up to 3 / 254 each, 3 / 127 / sqrt(12) in the mean, against keys of 0.58 in the mean: a
//         score by 0.004, and a weight in proportion; a product of weight and value scale by 1 / 510 of the tile's largest.
//         Six deviations are 0.024; values that are 0.58 in the mean halve that.                           Measured: 6.2e-3.
double tolerance(KvType type) { return type == KvType::kQ8 ? 1.2e-2 : type == KvType::kBF16 ? 6e-3 : 2e-6; }
// Between instruction sets: the same roundings, but a weight on the edge may fall to the other side: 2^-9 of it for BF16, one
// step of 255 for Q8. The exponential for native bf16 is off by 3e-6, so one weight in 300 falls, also of queries that see few keys: up
// to 2^-8 of a weight that is half of all.                                                                  Measured: 5.4e-4.
double isa_tolerance(KvType type, const std::string& isa) {
  if (type == KvType::kBF16) return isa.starts_with("amx") || isa == "avx512bf16" ? 2e-3 : 5e-4;
  return type == KvType::kQ8 ? 4e-3 : 2e-6;
}

struct Shape {
  KvType type;
  int head_dim, group, kv_heads;
  KvLayout layout() const { return {.layers = 2, .kv_heads = kv_heads, .head_dim = head_dim, .type = type}; }
  int heads() const { return group * kv_heads; }
  size_t q_row() const { return size_t(heads()) * size_t(head_dim); }
  size_t k_row() const { return size_t(kv_heads) * size_t(head_dim); }
  float scale() const { return 1 / std::sqrt(float(head_dim)); }
  std::string text(const std::string& backend) const {
    return backend + " type " + std::to_string(int(type)) + " dim " + std::to_string(head_dim) + " group " + std::to_string(group);
  }
};

// The rows of a call, in batch order.
struct Rows {
  std::vector<float> q, k, v;
  Rows(const Shape& shape, int count, uint64_t seed, float amplitude = 1)
      : q(random_values(size_t(count) * shape.q_row(), seed, 3 * amplitude)),
        k(random_values(size_t(count) * shape.k_row(), seed + 1, amplitude)),
        v(random_values(size_t(count) * shape.k_row(), seed + 2, amplitude)) {}
};

// Positions 0..depth - 1 of a sequence.
void fill(ops::Backend& backend, const Shape& shape, const Cache& cache, int sequence, int depth, uint64_t seed) {
  Rows rows(shape, depth, seed);
  const std::vector<KvSpan> spans = {cache.span(sequence, 0, depth, 0)};
  backend.rope_append_kv(shape.layout(), kLayer, spans, {}, shape.heads(), rows.q.data(), rows.k.data(), rows.v.data());
}

// Appends all rows, then attends: what a layer does.
std::vector<float> step(ops::Backend& backend, const Shape& shape, const std::vector<KvSpan>& spans, Rows rows) {
  std::vector<float> out(rows.q.size());
  backend.rope_append_kv(shape.layout(), kLayer, spans, {}, shape.heads(), rows.q.data(), rows.k.data(), rows.v.data());
  backend.attention(shape.layout(), kLayer, spans, shape.heads(), shape.scale(), rows.q.data(), out.data());
  return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); i++) {
    const double difference = std::abs(double(a[i]) - double(b[i]));
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// A ragged batch: some rows behind `depths[s]` keys of each sequence s, on the reference and on every instruction set.
void compare_with_reference(const Shape& shape, const std::vector<int>& depths, const std::vector<int>& counts, float amplitude = 1) {
  const int sequences = int(depths.size());
  int total = 0, longest = 0;
  for (size_t s = 0; s < depths.size(); s++) {
    total += counts[s];
    longest = std::max(longest, depths[s] + counts[s]);
  }
  const Rows rows(shape, total, 99, amplitude);
  const auto run = [&](ops::Backend& backend) {
    const Cache cache(backend, shape.layout(), sequences, longest);
    std::vector<KvSpan> spans;
    for (int s = 0, row = 0; s < sequences; row += counts[size_t(s)], s++) {
      if (depths[size_t(s)] > 0) fill(backend, shape, cache, s, depths[size_t(s)], uint64_t(s) * 10);
      spans.push_back(cache.span(s, row, counts[size_t(s)], depths[size_t(s)]));
    }
    return step(backend, shape, spans, rows);
  };
  const std::vector<float> expected = run(*ops::make_reference_backend());
  const double factor = double(amplitude) * double(amplitude);  // scores grow with the square
  const std::vector<float> generic = run(*ops::make_cpu_backend(2, "generic"));
  for (const std::string& isa : tier::isas()) {
    const std::vector<float> out = run(*ops::make_cpu_backend(2, isa));
    const double difference = largest_difference(out, expected), between = largest_difference(out, generic);
    CHECK_MSG(difference <= tolerance(shape.type) * factor, shape.text(isa) + " differs by " + std::to_string(difference));
    CHECK_MSG(between <= isa_tolerance(shape.type, isa) * factor, shape.text(isa) + " differs from generic by " + std::to_string(between));
  }
}

}  // namespace

TEST("attention agrees with the reference for every instruction set, KV type, head dimension and group") {
  const auto compare = [](KvType type, int head_dim, int group) {
    // One row at position 0; rows that cross a page; a chunk that starts with its sequence; the last key of a page.
    compare_with_reference({type, head_dim, group, 2}, {0, 62, 0, 127}, {1, 5, 3, 1});
  };
  tier::across(compare, kTypes, std::array{8, 64, 80, 96, 128, 256}, std::array{1, 3, 4, 7});
}

TEST("attention agrees with the reference across splits, 4,500 keys deep") {
  for (const KvType type : kTypes) {
    compare_with_reference({type, 8, 4, 2}, {2046, 4490, 100}, {4, 11, 2});
    compare_with_reference({type, 64, 3, 1}, {2047, 2048}, {2, 1});
  }
}

TEST("attention agrees with the reference for a chunk of many rows and for more heads than a block of queries holds") {
  for (const KvType type : kTypes) {
    compare_with_reference({type, 16, 2, 1}, {10}, {150});
    compare_with_reference({type, 16, 80, 1}, {70}, {2});
  }
}

TEST("attention agrees with the reference when scores are so far apart that most weights vanish") {
  compare_with_reference({KvType::kF32, 64, 4, 1}, {150}, {3}, 20);
}

// A value v in a row with values up to `largest`, as the cache gives it back.
float stored(KvType type, float v, float largest) {
  return type == KvType::kQ8 ? std::nearbyint(v * (127 / largest)) * (largest / 127) : v;
}

TEST("attention over one key returns its value, over equal scores the mean") {
  for (const std::string& isa : tier::isas()) {
    const auto backend = ops::make_cpu_backend(1, isa);
    for (const KvType type : kTypes) {
      const Shape shape{type, 8, 2, 1};
      const Cache cache(*backend, shape.layout(), 1, 64);
      Rows rows(shape, 4, 5);
      for (size_t i = 0; i < rows.v.size(); i++) rows.v[i] = float(i % 8) + 8 * float(i / 8);  // exact in every type
      for (size_t i = shape.q_row(); i < rows.q.size(); i++) rows.q[i] = 0;                     // rows 1..3
      const std::vector<float> out = step(*backend, shape, {cache.span(0, 0, 4, 0)}, rows);
      // Q8: one weight is 255 of 255, but not all scales are numbers of few bits; four weights that differ by the scales of their
      // values are each off by up to 1 / 510 of the largest (31 / 127), times bytes up to 127, over 4.
      const float one = type == KvType::kQ8 ? 1e-5f : 0, four = type == KvType::kQ8 ? 31.0f / 510 : 0;
      for (size_t i = 0; i < 16; i++) {
        const float value = float(i % 8), mean = value + 12;  // (0 + 8 + 16 + 24) / 4
        CHECK_MSG(std::abs(out[i] - stored(type, value, 7)) <= one, shape.text(isa));
        float stored_mean = 0;
        for (int r = 0; r < 4; r++) stored_mean += stored(type, value + float(8 * r), float(7 + 8 * r)) / 4;
        CHECK_MSG(type == KvType::kQ8 || stored_mean == mean, shape.text(isa));
        CHECK_MSG(std::abs(out[48 + i] - stored_mean) <= four, shape.text(isa));
      }
    }
  }
}

TEST("byte products do not saturate: queries, keys, values and weights all at the ends of their ranges") {
  const Shape shape{KvType::kQ8, 64, 2, 1};
  for (const std::string& isa : tier::isas()) {
    const auto backend = ops::make_cpu_backend(1, isa);
    for (const float sign : {1.0f, -1.0f}) {
      const Cache cache(*backend, shape.layout(), 1, 128);
      Rows rows(shape, 100, 1);
      std::fill(rows.q.begin(), rows.q.end(), 0.5f * sign);
      std::fill(rows.v.begin(), rows.v.end(), -sign);
      // Four keys point along the query, the next four against it: scores of +-4, all bytes +-127, weights of a quad all alike.
      for (size_t i = 0; i < rows.k.size(); i++) rows.k[i] = i / 256 % 2 == 0 ? 1.0f : -1.0f;
      for (size_t i = 0; i < rows.v.size(); i++) rows.v[i] *= i / 256 % 2 == 0 ? 1.0f : 3.0f;
      const std::vector<float> out = step(*backend, shape, {cache.span(0, 0, 100, 0)}, rows);
      for (size_t r = 0; r < 100; r++) {
        const size_t keys = r + 1, along = keys / 8 * 4 + std::min<size_t>(keys % 8, 4);
        const double first = double(along) * std::exp(4 * double(sign)), second = double(keys - along) * std::exp(-4 * double(sign));
        const double mean = -double(sign) * (first + 3 * second) / (first + second);
        for (size_t i = 0; i < shape.q_row(); i++) {
          // Weights are off by up to half a step of 255, of the tile's largest product with a value.
          CHECK_MSG(std::abs(out[r * shape.q_row() + i] - mean) < 3 * 2.0 / 510, isa + " row " + std::to_string(r));
        }
      }
    }
  }
}

TEST("n rows are bit-identical to n single rows, n = 1..17, across a page and a split, for 1, 2 and 3 threads") {
  constexpr int kDepth = 2040, kRows = 17;  // rows 0..7 lie before the split, 8.. in it
  for (const std::string& isa : tier::isas()) {
    for (const KvType type : kTypes) {
      for (const Shape& shape : {Shape{type, 72, 4, 1}, Shape{type, 24, 7, 2}}) {
        const auto one = ops::make_cpu_backend(1, isa);
        const Rows rows(shape, kRows, 7);
        const Cache base(*one, shape.layout(), 1, 2100);
        fill(*one, shape, base, 0, kDepth, 3);

        std::vector<std::vector<float>> expected;  // by row
        Cache single(*one, shape.layout(), 1, 2100);
        single.copy_from(base);
        const auto part = [&](int first, int count) {
          Rows some(shape, 0, 0);
          some.q.assign(rows.q.begin() + long(first * shape.q_row()), rows.q.begin() + long((first + count) * shape.q_row()));
          some.k.assign(rows.k.begin() + long(first * shape.k_row()), rows.k.begin() + long((first + count) * shape.k_row()));
          some.v.assign(rows.v.begin() + long(first * shape.k_row()), rows.v.begin() + long((first + count) * shape.k_row()));
          return some;
        };
        for (int r = 0; r < kRows; r++) expected.push_back(step(*one, shape, {single.span(0, 0, 1, kDepth + r)}, part(r, 1)));

        for (const int threads : {1, 2, 3}) {
          const auto backend = ops::make_cpu_backend(threads, isa);
          for (int n = 1; n <= kRows; n += threads == 2 ? tier::choose(2, 1) : tier::choose(16, 4)) {
            Cache cache(*backend, shape.layout(), 1, 2100);
            cache.copy_from(base);
            const std::vector<float> out = step(*backend, shape, {cache.span(0, 0, n, kDepth)}, part(0, n));
            for (int r = 0; r < n; r++) {
              const auto begin = out.begin() + long(size_t(r) * shape.q_row());
              const std::string where = " threads " + std::to_string(threads) + " rows " + std::to_string(n) + " row " + std::to_string(r);
              CHECK_MSG(same_bits({begin, begin + long(shape.q_row())}, expected[size_t(r)]), shape.text(isa) + where);
            }
            if (n == kRows) CHECK_MSG(cache.same_bytes(single), shape.text(isa) + ": pages differ");
          }
        }
      }
    }
  }
}

TEST("a chunk of 130 rows is bit-identical to row by row, in results and in the bytes of the pages") {
  constexpr int kRows = 130;
  for (const std::string& isa : tier::isas()) {
    for (const KvType type : kTypes) {
      for (const int depth : {0, 1990}) {
        const Shape shape{type, 24, 3, 2};
        const auto one = ops::make_cpu_backend(1, isa);
        const Rows rows(shape, kRows, 11);
        Cache single(*one, shape.layout(), 1, 2200);
        if (depth > 0) fill(*one, shape, single, 0, depth, 3);
        Cache base(*one, shape.layout(), 1, 2200);
        base.copy_from(single);
        std::vector<float> expected;
        for (int r = 0; r < kRows; r++) {
          Rows row(shape, 0, 0);
          row.q.assign(rows.q.begin() + long(r * shape.q_row()), rows.q.begin() + long((r + 1) * shape.q_row()));
          row.k.assign(rows.k.begin() + long(r * shape.k_row()), rows.k.begin() + long((r + 1) * shape.k_row()));
          row.v.assign(rows.v.begin() + long(r * shape.k_row()), rows.v.begin() + long((r + 1) * shape.k_row()));
          const std::vector<float> out = step(*one, shape, {single.span(0, 0, 1, depth + r)}, row);
          expected.insert(expected.end(), out.begin(), out.end());
        }
        for (const int threads : {1, 2, 3}) {
          const auto backend = ops::make_cpu_backend(threads, isa);
          Cache cache(*backend, shape.layout(), 1, 2200);
          cache.copy_from(base);
          const std::vector<float> out = step(*backend, shape, {cache.span(0, 0, kRows, depth)}, rows);
          CHECK_MSG(same_bits(out, expected), shape.text(isa) + " depth " + std::to_string(depth) + " threads " + std::to_string(threads));
          CHECK_MSG(cache.same_bytes(single), shape.text(isa) + ": pages differ");
        }
      }
    }
  }
}

TEST("a sequence's rows are bit-identical alone and in a batch with others") {
  const std::vector<int> depths = {5, 2046, 63, 300}, counts = {1, 4, 17, 2};
  for (const std::string& isa : tier::isas()) {
    for (const KvType type : kTypes) {
      const Shape shape{type, 32, 4, 2};
      const auto backend = ops::make_cpu_backend(2, isa);
      const Cache cache(*backend, shape.layout(), 4, 2100);
      std::vector<KvSpan> spans;
      for (int s = 0, row = 0; s < 4; row += counts[size_t(s)], s++) {
        fill(*backend, shape, cache, s, depths[size_t(s)], uint64_t(s));
        spans.push_back(cache.span(s, row, counts[size_t(s)], depths[size_t(s)]));
      }
      const Rows rows(shape, 24, 8);
      const std::vector<float> together = step(*backend, shape, spans, rows);
      for (size_t s = 0; s < 4; s++) {
        std::vector<float> alone(rows.q.size());
        const std::vector<KvSpan> span = {spans[s]};  // keys are in the cache already; rows keep their places in the batch
        backend->attention(shape.layout(), kLayer, span, shape.heads(), shape.scale(), rows.q.data(), alone.data());
        const long begin = long(size_t(spans[s].first_row) * shape.q_row()), end = begin + long(size_t(spans[s].rows) * shape.q_row());
        CHECK_MSG(same_bits({alone.begin() + begin, alone.begin() + end}, {together.begin() + begin, together.begin() + end}),
                  shape.text(isa) + " sequence " + std::to_string(s));
      }
    }
  }
}

TEST("what lies in the pages behind a row's position never reaches its result") {
  for (const std::string& isa : tier::isas()) {
    for (const KvType type : kTypes) {
      const Shape shape{type, 64, 4, 1};
      for (const int depth : {0, 30, 63, 64, 2047}) {
        const auto backend = ops::make_cpu_backend(2, isa);
        const Cache clean(*backend, shape.layout(), 1, 2200), stale(*backend, shape.layout(), 1, 2200);
        const Rows row(shape, 3, 21);
        for (const Cache* cache : {&clean, &stale}) {
          if (depth > 0) fill(*backend, shape, *cache, 0, depth, 4);
        }
        Rows garbage(shape, 140, 5, 1e30f);  // rejected drafts, at their worst: f16 saturates, f32 scores overflow
        const std::vector<KvSpan> behind = {stale.span(0, 0, 140, depth)};
        backend->rope_append_kv(shape.layout(), kLayer, behind, {}, shape.heads(), garbage.q.data(), garbage.k.data(), garbage.v.data());
        const std::vector<float> expected = step(*backend, shape, {clean.span(0, 0, 3, depth)}, row);
        CHECK_MSG(same_bits(step(*backend, shape, {stale.span(0, 0, 3, depth)}, row), expected),
                  shape.text(isa) + " depth " + std::to_string(depth));
      }
    }
  }
}

TEST("over q8 keys and values tiles give the bits of avx512") {
  const std::vector<std::string> isas = ops::cpu_isas();
  for (const std::string& isa : isas) {
    if (!isa.starts_with("amx") || std::find(isas.begin(), isas.end(), "avx512") == isas.end()) continue;
    for (const int head_dim : tier::choose(std::vector{8, 80, 128}, std::vector{8, 64, 80, 96, 128, 256})) {
      const Shape shape{KvType::kQ8, head_dim, 5, 2};
      std::vector<float> results[2];
      for (const bool tiles : {false, true}) {
        const auto backend = ops::make_cpu_backend(2, tiles ? isa : "avx512");
        const Cache cache(*backend, shape.layout(), 1, 2300);
        fill(*backend, shape, cache, 0, 2040, 3);
        results[tiles] = step(*backend, shape, {cache.span(0, 0, 150, 2040)}, Rows(shape, 150, 8));
      }
      CHECK_MSG(same_bits(results[0], results[1]), shape.text(isa));
    }
  }
}

TEST("attention refuses shapes that it cannot run") {
  const auto backend = ops::make_cpu_backend(1);
  float value = 0;
  const auto attend = [&](int kv_heads, int head_dim, int heads) {
    const KvLayout layout{.layers = 1, .kv_heads = kv_heads, .head_dim = head_dim, .type = KvType::kF16};
    backend->attention(layout, 0, {}, heads, 1, &value, &value);
  };
  CHECK_THROWS(kInvalidArgument, attend(1, 258, 1));
  CHECK_THROWS(kInvalidArgument, attend(1, 63, 1));
  CHECK_THROWS(kInvalidArgument, attend(2, 64, 3));
}
