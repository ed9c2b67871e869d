// Rotation and storage of keys and values by the CPU backend: against the reference.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/half.h"
#include "kv/tile_index.h"
#include "kv_fixture.h"
#include "ops/backend.h"
#include "ops/ref/ref.h"
#include "tap.h"
#include "tier.h"

namespace {

using namespace ragdraft;
using fixture::Cache;
using fixture::random_values;
using kv::KvLayout;
using kv::KvType;

// Largest |a - b| / max(1, |b|).
double largest_error(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); i++) {
    const double error = std::abs(double(a[i]) - double(b[i])) / std::max(1.0, std::abs(double(b[i])));
    if (!(error <= largest)) largest = std::isnan(error) ? INFINITY : error;
  }
  return largest;
}

template <class Run>
void for_each_backend(const Run& run) {
  for (const std::string& isa : tier::isas()) {
    for (const int threads : {1, 3}) run(*ops::make_cpu_backend(threads, isa), isa + " x " + std::to_string(threads));
  }
}

// Key and value (token, dim) of the CPU backend's tile, as f32.
float cached(const KvLayout& layout, const std::byte* block, size_t index, int token, int excess) {
  if (layout.type == KvType::kF32) return reinterpret_cast<const float*>(block)[index];
  if (layout.type == KvType::kQ8) {
    const auto byte = uint8_t(block[index]);
    return reinterpret_cast<const float*>(block + layout.scales_offset())[token] * float(int8_t(byte - excess));
  }
  const uint16_t bits = reinterpret_cast<const uint16_t*>(block)[index];
  return layout.type == KvType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}
float cached_key(const KvLayout& layout, const std::byte* tile, int dim, int token) {
  return cached(layout, tile, kv::k_index(layout, dim, token), token, kv::kKeyExcess);
}
float cached_value(const KvLayout& layout, const std::byte* tile, int dim, int token) {
  return cached(layout, tile + layout.block_bytes(), kv::v_index(layout, dim, token), token, 0);
}

}  // namespace

TEST("rope and append agree with the reference in both layouts, for whole and partly rotated heads, up to position 131,071") {
  // Angles are computed in double on both sides; the rotation itself is f32 here: 3 roundings of values up to 2. What is
  // stored is rounded again, and may fall to the other side: one unit of the type (Q8: of 127 in the largest, 1.25 sqrt(2)).
  struct Case {
    KvType type;
    int head_dim;
    size_t pairs;
    bool interleaved;
    Position position;
    double stored_error;
  };
  const auto reference = ops::make_reference_backend();
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    for (const Case& c : {Case{KvType::kF16, 64, 32, true, 60, 2e-3}, Case{KvType::kBF16, 128, 64, false, 0, 2e-2},
                          Case{KvType::kQ8, 64, 32, true, 60, 3e-2}, Case{KvType::kQ8, 10, 5, false, 131000, 3e-2},
                          Case{KvType::kF32, 80, 16, true, 131000, 1e-6}, Case{KvType::kF32, 10, 5, false, 131000, 1e-6}}) {
      const KvLayout layout{.layers = 1, .kv_heads = 2, .head_dim = c.head_dim, .type = c.type};
      constexpr int kRows = 70, kHeads = 6;
      ops::Rope rope{.frequency = {}, .magnitude = 1.25f, .interleaved = c.interleaved};
      for (size_t i = 0; i < c.pairs; i++) rope.frequency.push_back(std::pow(10000.0, -double(i) / double(c.pairs)));
      const std::vector<float> q = random_values(size_t(kRows * kHeads * c.head_dim), 1);
      const std::vector<float> k = random_values(size_t(kRows * 2 * c.head_dim), 2), v = random_values(k.size(), 3);
      // Only the pages of the rows exist; a table of the others is not needed to write.
      Cache cache(backend, layout, 1, 192), expected_cache(*reference, layout, 1, 192);
      std::vector<std::byte*> table(131072 / kPageTokens, nullptr), expected_table = table;
      for (int i = 0; i < 3; i++) {
        const size_t page = std::min(size_t(c.position / kPageTokens + i), table.size() - 1);
        table[page] = cache.page(0, i);
        expected_table[page] = expected_cache.page(0, i);
      }
      constexpr Position kSkipped = 5 * kPageTokens;
      const std::vector<kv::KvSpan> spans = {{table.data(), 0, kRows, c.position, kSkipped}};
      const std::vector<kv::KvSpan> expected_spans = {{expected_table.data(), 0, kRows, c.position, kSkipped}};
      std::vector<float> turned = q, expected = q;
      reference->rope_append_kv(layout, 0, expected_spans, rope, kHeads, expected.data(), k.data(), v.data());
      backend.rope_append_kv(layout, 0, spans, rope, kHeads, turned.data(), k.data(), v.data());
      CHECK_MSG(largest_error(turned, expected) < 1e-6, what + " dim " + std::to_string(c.head_dim));
      double worst_key = 0;
      bool values_equal = true;
      for (int r = 0; r < kRows; r++) {
        const Position position = c.position + r;
        const int token = position % kPageTokens;
        for (int h = 0; h < 2; h++) {
          const std::byte* tile = table[size_t(position / kPageTokens)] + layout.tile_offset(0, h);
          const std::byte* expected_tile = expected_table[size_t(position / kPageTokens)] + layout.tile_offset(0, h);
          for (int d = 0; d < c.head_dim; d++) {
            const double key = cached_key(layout, tile, d, token);
            worst_key = std::max(worst_key, std::abs(key - double(ops::ref::load_element(layout, expected_tile, token, d))));
            values_equal &= cached_value(layout, tile, d, token) ==
                            ops::ref::load_element(layout, expected_tile + layout.block_bytes(), token, d);
          }
        }
      }
      CHECK_MSG(worst_key <= c.stored_error, what + " dim " + std::to_string(c.head_dim) + " key error " + std::to_string(worst_key));
      CHECK_MSG(values_equal, what + " dim " + std::to_string(c.head_dim));
    }
  });
}

TEST("rope follows when positions, frequencies, magnitude or layout change from call to call") {
  const auto reference = ops::make_reference_backend();
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    const KvLayout layout{.layers = 1, .kv_heads = 1, .head_dim = 4, .type = KvType::kF32};
    const Cache cache(backend, layout, 2, 64), expected_cache(*reference, layout, 2, 64);
    struct Call {
      Position first, second;  // one row of each of two sequences
      ops::Rope rope;
    };
    const ops::Rope a{{1.0, 0.1}, 1, true}, b{{1.0, 0.2}, 1, true}, c{{1.0, 0.2}, 2, true}, d{{1.0, 0.2}, 2, false}, e{{1.0}, 2, false};
    const std::vector<Call> calls = {{3, 5, a}, {3, 6, a}, {3, 6, b}, {3, 6, c}, {3, 6, d}, {3, 6, e}, {6, 3, e}, {3, 5, a}};
    for (const Call& call : calls) {
      std::vector<float> q = {1, 2, 3, 4, 5, 6, 7, 8}, expected = q;
      const std::vector<float> kv(8, 1.0f);
      const std::vector<kv::KvSpan> spans = {cache.span(0, 0, 1, call.first), cache.span(1, 1, 1, call.second)};
      const std::vector<kv::KvSpan> expected_spans = {expected_cache.span(0, 0, 1, call.first), expected_cache.span(1, 1, 1, call.second)};
      backend.rope_append_kv(layout, 0, spans, call.rope, 1, q.data(), kv.data(), kv.data());
      reference->rope_append_kv(layout, 0, expected_spans, call.rope, 1, expected.data(), kv.data(), kv.data());
      CHECK_MSG(largest_error(q, expected) < 1e-6, what);
    }
  });
}

TEST("append saturates f16, and a NaN stays a NaN") {
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    const KvLayout layout{.layers = 1, .kv_heads = 1, .head_dim = 4, .type = KvType::kF16};
    Cache cache(backend, layout, 1, 64);
    std::vector<float> q(4);
    const std::vector<float> k = {1e6f, -1e6f, NAN, 65519.0f}, v = {INFINITY, -INFINITY, 1.0f / 3, NAN};
    const std::vector<kv::KvSpan> spans = {cache.span(0, 0, 1, 0)};
    backend.rope_append_kv(layout, 0, spans, {}, 1, q.data(), k.data(), v.data());
    const auto key = [&](int d) { return cached_key(layout, cache.page(0, 0), d, 0); };
    const auto value = [&](int d) { return cached_value(layout, cache.page(0, 0), d, 0); };
    CHECK_MSG(key(0) == 65504 && key(1) == -65504 && std::isnan(key(2)) && key(3) == 65504, what);
    CHECK_MSG(value(0) == 65504 && value(1) == -65504 && value(2) == 0.333251953125f && std::isnan(value(3)), what);
  });
}

TEST("append to an 8-bit cache: nearest even, zeros, tiny heads, saturation, and a NaN poisons its head alone") {
  const auto reference = ops::make_reference_backend();
  const KvLayout layout{.layers = 1, .kv_heads = 1, .head_dim = 6, .type = KvType::kQ8};
  constexpr float kMax = 1e38f;
  const std::vector<float> heads[] = {{127, -127, 0.5f, 1.5f, -2.5f, 3.4f},  {0, 0, -0.0f, 0, 0, 0},      {1e-38f, -1e-39f, 0, 0, 0, 0},
                                      {INFINITY, 1, -INFINITY, 3e38f, 0, 0}, {kMax, -kMax / 2, 0, 0, 0, 0}, {1, NAN, 2, 3, 4, 5}};
  const float stored[][6] = {{127, -127, 0, 2, -2, 3}, {}, {}, {kMax, 0, -kMax, kMax, 0, 0}, {kMax, -kMax * 64 / 127, 0, 0, 0, 0}, {}};
  for_each_backend([&](ops::Backend& backend, const std::string& what) {
    Cache cache(backend, layout, 1, 64), expected(*reference, layout, 1, 64);
    std::vector<float> q(6);
    for (int t = 0; t < 6; t++) {
      const std::vector<kv::KvSpan> spans = {cache.span(0, 0, 1, t)}, expected_spans = {expected.span(0, 0, 1, t)};
      backend.rope_append_kv(layout, 0, spans, {}, 1, q.data(), heads[t].data(), heads[5 - t].data());
      reference->rope_append_kv(layout, 0, expected_spans, {}, 1, q.data(), heads[t].data(), heads[5 - t].data());
    }
    for (int t = 0; t < 5; t++) {
      for (int d = 0; d < 6; d++) {
        const float key = cached_key(layout, cache.page(0, 0), d, t), value = cached_value(layout, cache.page(0, 0), d, 5 - t);
        const std::string where = what + " token " + std::to_string(t) + " dim " + std::to_string(d);
        CHECK_MSG(std::abs(key - stored[t][d]) <= 1e-6f * std::abs(stored[t][d]) && value == key, where);
        CHECK_MSG(key == ops::ref::load_element(layout, expected.page(0, 0), t, d), where);
      }
    }
    for (int d = 0; d < 6; d += 5) {
      CHECK_MSG(std::isnan(cached_key(layout, cache.page(0, 0), d, 5)) && std::isnan(cached_value(layout, cache.page(0, 0), d, 0)), what);
      CHECK_MSG(std::isnan(ops::ref::load_element(layout, expected.page(0, 0), 5, d)), what);
    }
  });
}
