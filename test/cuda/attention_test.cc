#include "ops/cuda/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "kv_fixture.h"
#include "ops/cuda/kernels/attention_plan.h"
#include "ops/ref/ref.h"
#include "pass_fixture.h"
#include "tap.h"

using namespace ragdraft;
using kv::KvLayout;
using kv::KvType;
using ops::cuda::AttentionShape;
using testing::DeviceArray;
using testing::SpanRows;

namespace {

constexpr int kLayer = 1;  // of two: a wrong offset hits the other one
constexpr KvType kTypes[] = {KvType::kF16, KvType::kBF16, KvType::kQ8};

// Largest difference from the f64 reference for queries in [-3, 3], keys and values in [-1, 1]: scores in about [-4, 4]. Keys and values
// are the same bits on both sides, so only the arithmetic differs.
//   kBF16, kQ8: queries and weights (times a value's scale) have 8 significant bits, 2^-9 relative; a query's error spreads over its
//               dimensions, so a weight is off by about 4 * 2^-9 / sqrt(head_dim) + 2^-9.
//   kF16:       the same with 11 significant bits.
double tolerance(KvType type) { return type == KvType::kF16 ? 6e-3 / 8 : 6e-3; }

struct Model {
  KvType type;
  int head_dim, kv_heads, group;
  KvLayout layout() const {
    return {.layers = 2, .kv_heads = kv_heads, .head_dim = head_dim, .type = type, .order = kv::BlockOrder::kTokens};
  }
  int heads() const { return kv_heads * group; }
  size_t row() const { return size_t(heads() * head_dim); }
  float scale() const { return 1 / std::sqrt(float(head_dim)); }
  std::string text() const {
    return "type " + std::to_string(int(type)) + " dim " + std::to_string(head_dim) + " group " + std::to_string(group);
  }
};

// Pages of a sequence's first `length` positions; every other byte is 0xff: a NaN where it is a float, a half or a scale.
std::vector<std::byte> filled_pages(const Model& model, int length, uint32_t seed) {
  const KvLayout layout = model.layout();
  std::vector<std::byte> bytes(size_t((length + kPageTokens - 1) / kPageTokens) * layout.page_bytes(), std::byte{0xff});
  const std::vector<float> values = fixture::random_values(size_t(length) * size_t(2 * model.kv_heads * model.head_dim), seed);
  const float* from = values.data();
  for (int token = 0; token < length; token++)
    for (int head = 0; head < model.kv_heads; head++)
      for (const size_t half : {size_t{0}, layout.block_bytes()}) {
        std::byte* const block = bytes.data() + size_t(token / kPageTokens) * layout.page_bytes() + layout.tile_offset(kLayer, head) + half;
        std::memset(block + size_t(token % kPageTokens * layout.padded_head_dim()) * layout.element_bytes(), 0,
                    size_t(layout.padded_head_dim()) * layout.element_bytes());
        ops::ref::store_head(layout, block, token % kPageTokens, from);
        from += model.head_dim;
      }
  return bytes;
}

// Sequences of their own behind every span, with keys up to the span's last row.
struct Sequences {
  testing::DevicePass pass;
  std::vector<std::byte> pages;
  std::vector<std::byte*> table;  // on the host
  std::vector<kv::KvSpan> spans;

  Sequences(const Model& model, const std::vector<SpanRows>& rows) : pass(model.layout(), rows) {
    std::vector<size_t> first;
    int row = 0;
    for (size_t s = 0; s < rows.size(); s++) {
      const std::vector<std::byte> own = filled_pages(model, rows[s].first_position + rows[s].rows, uint32_t(s) + 10);
      first.push_back(pages.size());
      pages.insert(pages.end(), own.begin(), own.end());
    }
    for (size_t at = 0; at < pages.size(); at += model.layout().page_bytes()) table.push_back(pages.data() + at);
    for (size_t s = 0; s < rows.size(); s++) {
      spans.push_back({table.data() + first[s] / model.layout().page_bytes(), row, rows[s].rows, rows[s].first_position});
      row += rows[s].rows;
    }
    pass.write_pages(pages);
  }
};

AttentionShape shape_of(const Model& model, const ops::cuda::Pass& pass) {
  Position last = 0;
  for (int s = 0; s < pass.spans; s++) last = std::max(last, pass.span[s].first_position + pass.span[s].rows - 1);
  return {model.type, ops::cuda::kv_shape(model.layout(), kLayer), model.heads(), model.scale(), pass.rows, pass.spans, last + 1};
}

// Scratch memory as attention() wants it.
struct Scratch {
  DeviceArray<std::byte> memory;
  explicit Scratch(const AttentionShape& shape) : memory(ops::cuda::attention_scratch_bytes(shape)) { clear_counters(shape); }
  void clear_counters(const AttentionShape& shape) {
    gpu::Stream stream;
    stream.fill(memory.get(), 0, ops::cuda::plan_attention(shape).sums_offset);
    stream.synchronize();
  }
  bool counters_are_zero(const AttentionShape& shape) {
    gpu::Stream stream;
    const std::vector<std::byte> bytes = memory.read(stream);
    return std::all_of(bytes.begin(), bytes.begin() + ptrdiff_t(ops::cuda::plan_attention(shape).sums_offset),
                       [](std::byte byte) { return byte == std::byte{0}; });
  }
};

std::vector<float> attend(const AttentionShape& shape, const ops::cuda::Pass* pass, const std::vector<float>& q) {
  const DeviceArray<float> device_q(q), out(q.size());
  Scratch scratch(shape);
  gpu::Stream stream;
  ops::cuda::attention(stream, pass, shape, device_q.get(), out.get(), scratch.memory.get());
  return out.read(stream);
}

std::vector<float> random_queries(const Model& model, int rows, uint32_t seed) {
  return fixture::random_values(size_t(rows) * model.row(), seed, 3);
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); i++) {
    const double difference = std::fabs(double(a[i]) - double(b[i]));
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

void compare_with_reference(const Model& model, const std::vector<SpanRows>& rows) {
  Sequences sequences(model, rows);
  const std::vector<float> q = random_queries(model, sequences.pass.rows(), 1);
  std::vector<float> expected(q.size());
  ops::ref::attention(model.layout(), kLayer, sequences.spans, model.heads(), model.scale(), q.data(), expected.data());
  const AttentionShape shape = shape_of(model, sequences.pass.host());
  const ops::cuda::Pass* const pass = sequences.pass.upload();
  testing::for_all_orders([&](const std::string& order) {
    const double difference = largest_difference(attend(shape, pass, q), expected);
    CHECK_MSG(difference <= tolerance(model.type), order + " " + model.text() + " differs by " + std::to_string(difference));
  });
}

}  // namespace

TEST("attention agrees with the reference for every KV type, head dimension and group") {
  for (const KvType type : kTypes) {
    // One row at position 0; rows that cross a page; a chunk that starts with its sequence; the last key of a page.
    const std::vector<SpanRows> rows = {{0, 1}, {62, 5}, {0, 3}, {127, 1}};
    for (const Model& model : {Model{type, 10, 2, 3}, Model{type, 64, 2, 4}, Model{type, 80, 1, 7}, Model{type, 96, 2, 1},
                               Model{type, 128, 2, 8}, Model{type, 256, 1, 4}})
      compare_with_reference(model, rows);
  }
}
