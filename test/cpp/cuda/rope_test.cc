#include "ops/cuda/kernels/rope/rope.h"

#include <cmath>

#include "ops/backend.h"
#include "ops/ref/ref.h"
#include "pass_fixture.h"
#include "random_matrix.h"
#include "tap.h"

using namespace ragdraft;
using kv::KvLayout;
using kv::KvType;
using testing::DeviceArray;

namespace {

struct Case {
  KvType type;
  int head_dim;
  size_t pairs;
  bool interleaved;
  double stored_error;  // of what is stored: it may be rounded to the other side, one unit of the type (kQ8: of 127 in the largest)
};

ops::Rope rope_of(const Case& c) {
  ops::Rope rope{.frequency = {}, .magnitude = 1.25f, .interleaved = c.interleaved};
  for (size_t i = 0; i < c.pairs; i++) rope.frequency.push_back(std::pow(10000.0, -double(i) / double(c.pairs)));
  return rope;
}

// |a - b| / max(1, |b|), at most; infinite where one is no number.
double error(float a, float b) {
  const double e = std::fabs(double(a) - double(b)) / std::max(1.0, std::fabs(double(b)));
  return std::isnan(e) ? INFINITY : e;
}

}  // namespace

TEST("rope and append agree with the reference: types, both pairings, partly rotated heads, pages, skipped tokens, two layers") {
  constexpr int kHeads = 6, kKvHeads = 2, kLayers = 2, kLayer = 1;
  const std::vector<testing::SpanRows> spans = {{60, 8, 0}, {0, 3, 0}, {130, 1, 131000 - 130}};
  for (const Case& c : {Case{KvType::kF16, 64, 32, true, 2e-3}, Case{KvType::kBF16, 128, 64, false, 2e-2},
                        Case{KvType::kBF16, 80, 16, true, 2e-2}, Case{KvType::kQ8, 64, 32, false, 3e-2}, Case{KvType::kQ8, 10, 5, false, 3e-2},
                        Case{KvType::kF16, 256, 128, false, 2e-3}}) {
    const KvLayout layout{.layers = kLayers, .kv_heads = kKvHeads, .head_dim = c.head_dim, .type = c.type};
    const ops::Rope rope = rope_of(c);
    testing::for_all_orders([&](const std::string& order) {
      testing::DevicePass pass(layout, spans);
      const ops::cuda::Pass* const device_pass = pass.upload();
      const int rows = pass.rows();
      std::vector<float> q = testing::random_floats(size_t(rows * kHeads * c.head_dim), 1);
      const std::vector<float> k = testing::random_floats(size_t(rows * kKvHeads * c.head_dim), 2), v = testing::random_floats(k.size(), 3);
      const DeviceArray<double> frequency(rope.frequency);
      const DeviceArray<float> device_q(q), device_k(k), device_v(v), angles(size_t(rows) * 2 * c.pairs);
      const ops::cuda::RopeShape shape{frequency.get(), int(c.pairs), rope.magnitude, rope.interleaved};
      gpu::Stream stream;
      ops::cuda::rope_angles(stream, device_pass, shape, rows + 2, angles.get());
      ops::cuda::rope_append(stream, device_pass, shape, angles.get(), c.type, ops::cuda::kv_shape(layout, kLayer), kHeads, rows + 2,
                             device_q.get(), device_k.get(), device_v.get());
      const std::vector<float> rotated = device_q.read(stream);
      const std::vector<std::byte> pages = pass.read_pages(stream);

      // The reference rotates by position + skipped and stores at `position`: append to pages of the whole sequence, then compare.
      int row = 0;
      size_t page = 0;
      double worst = 0, stored = 0;
      bool untouched = true;
      for (const testing::SpanRows& span : spans) {
        const int last = span.first_position + span.skipped + span.rows - 1;
        std::vector<std::byte> memory(2 * layout.page_bytes());
        std::vector<std::byte*> table(size_t(last / kPageTokens + 1), memory.data() + layout.page_bytes());
        for (int r = 0; r < span.rows; r++, row++) {
          const Position position = span.first_position + r, rotation = position + span.skipped;
          table[size_t(rotation / kPageTokens)] = memory.data();
          const kv::KvSpan one{table.data(), 0, 1, rotation};
          float* const own_q = q.data() + size_t(row) * size_t(kHeads * c.head_dim);
          const size_t at = size_t(row) * size_t(kKvHeads * c.head_dim);
          ops::ref::rope_append_kv(layout, kLayer, {&one, 1}, rope, kHeads, own_q, k.data() + at, v.data() + at);
          for (int i = 0; i < kHeads * c.head_dim; i++) worst = std::max(worst, error(rotated[size_t(row * kHeads * c.head_dim + i)], own_q[i]));
          for (int h = 0; h < kKvHeads; h++)
            for (const size_t half : {size_t{0}, layout.block_bytes()})
              for (int d = 0; d < c.head_dim; d++) {
                const std::byte* got = pages.data() + (page + size_t(position / kPageTokens)) * layout.page_bytes() + layout.tile_offset(kLayer, h) + half;
                const std::byte* expected = memory.data() + layout.tile_offset(kLayer, h) + half;
                stored = std::max(stored, error(ops::ref::load_element(layout, got, position % kPageTokens, d),
                                                ops::ref::load_element(layout, expected, rotation % kPageTokens, d)));
              }
        }
        page += size_t((span.first_position + span.rows + kPageTokens - 1) / kPageTokens);
      }
      for (size_t p = 0; p < page; p++)  // layer 0
        for (size_t i = 0; i < layout.tile_offset(kLayer, 0); i++) untouched = untouched && pages[p * layout.page_bytes() + i] == std::byte{0};
      const std::string what = order + " head_dim " + std::to_string(c.head_dim) + ": ";
      CHECK_MSG(worst < 1e-6, what + std::to_string(worst));
      CHECK_MSG(stored < c.stored_error, what + std::to_string(stored));
      CHECK_MSG(untouched, what + "another layer was written");
    });
  }
}

TEST("without queries only keys and values are made, the same; a NaN spoils its own head alone, huge values saturate") {
  for (const KvType type : {KvType::kQ8, KvType::kF16}) {
    const KvLayout layout{.layers = 1, .kv_heads = 2, .head_dim = 32, .type = type};
    const ops::Rope rope = rope_of({type, 32, 16, false, 0});
    std::vector<float> k = testing::random_floats(64, 2), v = testing::random_floats(64, 3);
    v[3] = std::nanf("");
    v[32 + 5] = 3e38f;
    testing::DevicePass pass(layout, {{7, 1, 0}});
    const ops::cuda::Pass* const device_pass = pass.upload();
    const DeviceArray<double> frequency(rope.frequency);
    const DeviceArray<float> device_k(k), device_v(v), angles(32);
    const ops::cuda::RopeShape shape{frequency.get(), 16, rope.magnitude, rope.interleaved};
    gpu::Stream stream;
    ops::cuda::rope_angles(stream, device_pass, shape, 1, angles.get());
    ops::cuda::rope_append(stream, device_pass, shape, angles.get(), type, ops::cuda::kv_shape(layout, 0), 0, 1, nullptr, device_k.get(), device_v.get());
    const std::vector<std::byte> pages = pass.read_pages(stream);
    const auto value = [&](int head, int d) {
      return ops::ref::load_element(layout, pages.data() + layout.tile_offset(0, head) + layout.block_bytes(), 7, d);
    };
    CHECK(std::isnan(value(0, 3)) && std::isnan(value(0, 4)) == (type == KvType::kQ8));
    CHECK(type == KvType::kQ8 ? std::fabs(value(1, 5) / 1e38f - 1) < 1e-5f : value(1, 5) == 65504.0f);
  }
}
