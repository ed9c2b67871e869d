#include "ops/cuda/kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/half.h"
#include "kv_fixture.h"
#include "ops/cuda/kernels/attention/attention_plan.h"
#include "ops/ref/ref.h"
#include "pass_fixture.h"
#include "tap.h"

using namespace ragdraft;
using kv::KvLayout;
using kv::KvType;
using ops::cuda::AttentionShape;
using testing::DeviceArray;

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

// Consecutive rows of a sequence, which `seed` names: its keys, values and queries follow from it.
struct Rows {
  Position first;
  int count;
  uint32_t seed = 1;
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
        const size_t token_bytes = size_t(layout.padded_head_dim()) * layout.element_bytes();
        std::memset(block + size_t(token % kPageTokens) * token_bytes, 0, token_bytes);
        ops::ref::store_head(layout, block, token % kPageTokens, from);
        from += model.head_dim;
      }
  return bytes;
}

// A pass of these rows, each span with pages of its own that are filled up to its last row; on the host and on the device.
class Setup {
 public:
  Setup(const Model& model, const std::vector<Rows>& rows) : model_(model), pass_(model.layout(), span_rows(rows)) {
    for (const Rows& span : rows) {
      const std::vector<std::byte> own = filled_pages(model, span.first + span.count, span.seed);
      pages_.insert(pages_.end(), own.begin(), own.end());
      for (int r = 0; r < span.count; r++) {
        const std::vector<float> row = fixture::random_values(model.row(), (uint64_t{span.seed} << 32) + uint64_t(span.first + r), 3);
        q_.insert(q_.end(), row.begin(), row.end());
      }
    }
    for (size_t at = 0; at < pages_.size(); at += model.layout().page_bytes()) table_.push_back(pages_.data() + at);
    pass_.write_pages(pages_);
  }

  // That of this pass. Others may be larger.
  AttentionShape shape() {
    const ops::cuda::Pass& pass = pass_.host();
    Position last = 0;
    for (int r = 0; r < pass.rows; r++) last = std::max(last, pass.row[r].position);
    return {model_.type, ops::cuda::kv_shape(model_.layout(), kLayer), model_.heads(), model_.scale(), pass.rows, pass.spans, last + 1};
  }
  std::vector<float> reference() {
    const ops::cuda::Pass& pass = pass_.host();
    std::vector<kv::KvSpan> spans;
    for (int s = 0; s < pass.spans; s++)
      spans.push_back({table_.data() + pass.span[s].first_page, pass.span[s].first_row, pass.span[s].rows, pass.span[s].first_position});
    std::vector<float> out(q_.size());
    ops::ref::attention(model_.layout(), kLayer, spans, model_.heads(), model_.scale(), q_.data(), out.data());
    return out;
  }
  std::vector<std::byte>& pages() { return pages_; }  // of the host
  std::vector<float>& q() { return q_; }
  testing::DevicePass& pass() { return pass_; }

 private:
  static std::vector<testing::SpanRows> span_rows(const std::vector<Rows>& rows) {
    std::vector<testing::SpanRows> spans;
    for (const Rows& span : rows) spans.push_back({span.first, span.count});
    return spans;
  }
  const Model model_;
  testing::DevicePass pass_;
  std::vector<std::byte> pages_;
  std::vector<std::byte*> table_;
  std::vector<float> q_;
};

// Scratch memory as attention() wants it.
class Scratch {
 public:
  explicit Scratch(const AttentionShape& shape) : memory_(ops::cuda::attention_scratch_bytes(shape)) {
    gpu::Stream stream;
    stream.fill(memory_.get(), 0, ops::cuda::kAttentionCounterBytes);
    stream.synchronize();
  }
  void* get() const { return memory_.get(); }
  bool counters_are_zero() const {
    gpu::Stream stream;
    const std::vector<std::byte> bytes = memory_.read(stream);
    const auto end = bytes.begin() + ops::cuda::kAttentionCounterBytes;
    return std::all_of(bytes.begin(), end, [](std::byte byte) { return byte == std::byte{0}; });
  }

 private:
  const DeviceArray<std::byte> memory_;
};

std::vector<float> attend(Setup& setup, const AttentionShape& shape) {
  const ops::cuda::Pass* const pass = setup.pass().upload();
  const DeviceArray<float> q(setup.q()), out(setup.q().size());
  const Scratch scratch(shape);
  gpu::Stream stream;
  ops::cuda::attention(stream, pass, shape, q.get(), out.get(), scratch.get());
  return out.read(stream);
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); i++) {
    const double difference = std::fabs(double(a[i]) - double(b[i]));
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

void compare_with_reference(const Model& model, const std::vector<Rows>& rows) {
  Setup setup(model, rows);
  const std::vector<float> expected = setup.reference();
  testing::for_all_orders([&](const std::string& order) {
    const double difference = largest_difference(attend(setup, setup.shape()), expected);
    CHECK_MSG(difference <= tolerance(model.type), order + " " + model.text() + " differs by " + std::to_string(difference));
  });
}

bool same_row(const Model& model, const std::vector<float>& a, size_t row_a, const std::vector<float>& b, size_t row_b) {
  return std::memcmp(a.data() + row_a * model.row(), b.data() + row_b * model.row(), model.row() * sizeof(float)) == 0;
}

// A shape of 256 rows of long sequences, in which a block takes eight splits in turn.
AttentionShape coarse(AttentionShape shape) {
  shape.rows = 256;
  shape.most_keys = 1 << 20;
  return shape;
}

}  // namespace

TEST("attention agrees with the reference for every KV type, head dimension and group") {
  for (const KvType type : kTypes) {
    // One row at position 0; rows that cross a page; a chunk that starts with its sequence; the last key of a page.
    const std::vector<Rows> rows = {{0, 1, 1}, {62, 5, 2}, {0, 3, 3}, {127, 1, 4}};
    for (const Model& model : {Model{type, 10, 2, 3}, Model{type, 64, 2, 4}, Model{type, 80, 1, 7}, Model{type, 96, 2, 1},
                               Model{type, 128, 2, 8}, Model{type, 256, 1, 4}})
      compare_with_reference(model, rows);
  }
}

TEST("attention agrees with the reference at the borders of pages, of splits and of eight splits") {
  for (const KvType type : kTypes)
    compare_with_reference({type, 64, 1, 4}, {{62, 1, 1}, {63, 1, 2}, {64, 1, 3}, {510, 1, 4}, {511, 1, 5}, {512, 1, 6}, {1600, 1, 7},
                                              {4095, 1, 8}, {4096, 1, 9}});
}

TEST("attention agrees with the reference for 1 to 17 rows of a span that cross a split, whatever the group") {
  for (const int group : {1, 4, 7, 8})
    for (const int count : {1, 2, 5, 17}) compare_with_reference({KvType::kBF16, 64, 1, group}, {{505, count}});
  std::vector<Rows> ragged;
  for (int count = 1; count <= 17; count++) ragged.push_back({70 - 3 * count, count, uint32_t(count)});
  compare_with_reference({KvType::kF16, 64, 1, 7}, ragged);
  compare_with_reference({KvType::kQ8, 128, 1, 8}, {{1020, 17, 1}, {3, 2, 2}});
  compare_with_reference({KvType::kBF16, 256, 1, 4}, {{500, 17, 1}, {3, 2, 2}});
  compare_with_reference({KvType::kF16, 96, 1, 4}, {{500, 17, 1}, {3, 2, 2}});
}

TEST("attention agrees with the reference for more spans than a warp has lanes, some of several sets of queries") {
  std::vector<Rows> rows;
  for (int i = 0; i < 70; i++) rows.push_back({i, 1 + i % 30 / 28 * 5, uint32_t(i)});
  compare_with_reference({KvType::kF16, 64, 1, 8}, rows);
}

TEST("attention agrees with the reference for a prefill's chunk of 256 rows") {
  for (const KvType type : kTypes) compare_with_reference({type, 64, 1, 2}, {{440, 256}});
}

TEST("three levels of states: 33,000 keys, as one split a block and as eight, with the same bits") {
  const Model model{KvType::kBF16, 64, 1, 2};
  // The first two rows see 64 splits, the others 65.
  Setup setup(model, {{32766, 4, 1}, {100, 2, 2}, {5000, 1, 3}});
  const std::vector<float> expected = setup.reference();
  const AttentionShape fine_shape = setup.shape(), coarse_shape = coarse(setup.shape());
  CHECK(ops::cuda::plan_attention(fine_shape).tree.leaf_level == 0 && ops::cuda::plan_attention(coarse_shape).tree.leaf_level == 1);
  testing::for_all_orders([&](const std::string& order) {
    const std::vector<float> fine = attend(setup, fine_shape), coarse = attend(setup, coarse_shape);
    CHECK_MSG(largest_difference(fine, expected) <= tolerance(model.type), order);
    CHECK_MSG(fine == coarse, order);
  });
}

TEST("a row has the same bits alone, among 17, in a chunk of 256 and beside other spans, by one split a block and by eight") {
  constexpr int kFirst = 830, kRows = 256;  // they cross a split
  for (const Model& model : {Model{KvType::kBF16, 64, 1, 4}, Model{KvType::kF16, 64, 1, 7}, Model{KvType::kQ8, 64, 1, 2}}) {
    Setup chunk(model, {{kFirst, kRows}});
    const std::vector<float> all = attend(chunk, chunk.shape());
    const std::vector<float> all_coarse = attend(chunk, coarse(chunk.shape()));
    CHECK_MSG(all == all_coarse, model.text());
    const auto check = [&](const std::vector<Rows>& rows, bool by_eight) {
      Setup setup(model, rows);
      const std::vector<float> out = attend(setup, by_eight ? coarse(setup.shape()) : setup.shape());
      size_t row = 0;
      for (const Rows& span : rows)
        for (int r = 0; r < span.count; r++, row++)
          if (span.seed == 1)
            CHECK_MSG(same_row(model, out, row, all, size_t(span.first + r - kFirst)),
                      model.text() + " row " + std::to_string(span.first + r) + " of " + std::to_string(span.count) + " beside " +
                          std::to_string(rows.size() - 1) + " spans");
    };
    for (const int at : {kFirst, 895, 896, 1023, 1024, kFirst + kRows - 1}) check({{at, 1}}, at % 2 == 0);
    for (const int count : {2, 3, 17}) check({{1020, count}}, false);
    check({{1015, 17}}, true);
    check({{40, 1, 2}, {1010, 17}, {600, 3, 3}, {900, 1}, {2000, 1, 4}}, false);
    check({{40, 1, 2}, {1010, 4}, {600, 100, 3}}, false);
  }
}

TEST("a graph made for more rows, spans and keys serves passes that change, and leaves its counters zero") {
  const Model model{KvType::kBF16, 64, 2, 4};
  Setup setup(model, {{1100, 3, 1}, {700, 2, 2}});
  const std::vector<float> expected = attend(setup, setup.shape());
  AttentionShape shape = setup.shape();
  shape.rows = 8, shape.spans = 4, shape.most_keys = 40000;

  ops::cuda::Pass first = {};  // of nobody
  std::vector<std::byte> bytes(sizeof(ops::cuda::Pass));
  std::memcpy(bytes.data(), &first.rows, offsetof(ops::cuda::Pass, row));
  const DeviceArray<std::byte> pass(bytes);
  const auto* const device_pass = reinterpret_cast<const ops::cuda::Pass*>(pass.get());
  const DeviceArray<float> q(setup.q()), out(setup.q().size());
  const Scratch scratch(shape);
  gpu::Stream stream;
  stream.begin_capture();
  ops::cuda::attention(stream, device_pass, shape, q.get(), out.get(), scratch.get());
  const gpu::Graph graph = stream.end_capture();
  graph.launch(stream);
  for (const float value : out.read(stream)) CHECK(std::isnan(value));  // as before
  stream.to_device(pass.get(), &setup.pass().host(), sizeof(ops::cuda::Pass));
  for (int i = 0; i < 2; i++) {
    stream.fill(out.get(), 0xff, expected.size() * sizeof(float));
    graph.launch(stream);
    CHECK(out.read(stream) == expected);
    CHECK(scratch.counters_are_zero());
  }
  // Another shape may use the same memory, if it is enough.
  AttentionShape other = shape;
  other.most_keys = 2000;
  ops::cuda::attention(stream, device_pass, other, q.get(), out.get(), scratch.get());
  CHECK(out.read(stream) == expected);
  CHECK(scratch.counters_are_zero());
}

TEST("pages lie anywhere, and may be shared") {
  const Model model{KvType::kQ8, 64, 1, 4};
  Setup setup(model, {{200, 1}, {600, 2}});
  const std::vector<float> expected = attend(setup, setup.shape());
  // The same pages in reverse in memory; then the first span reads those of the second, whose first keys are the same.
  std::vector<std::byte> reversed = setup.pages();
  const size_t page_bytes = model.layout().page_bytes(), count = reversed.size() / page_bytes;
  for (size_t i = 0; i < count; i++)
    std::memcpy(reversed.data() + i * page_bytes, setup.pages().data() + (count - 1 - i) * page_bytes, page_bytes);
  setup.pass().write_pages(reversed);
  ops::cuda::Pass& pass = setup.pass().host();
  std::reverse(pass.pages, pass.pages + count);
  CHECK(attend(setup, setup.shape()) == expected);
  pass.span[0].first_page = pass.span[1].first_page;
  CHECK(attend(setup, setup.shape()) == expected);
}

TEST("a key that is no number spoils whoever sees it, and nobody before; so does a value of bytes") {
  const auto nan = [](float value) { return std::isnan(value); };
  for (const KvType type : kTypes)
    for (const bool value : {false, true}) {
      // Values of two bytes are finite by the contract: a weight of 0 times infinity is no number.
      if (value && type != KvType::kQ8) continue;
      const Model model{type, 64, 1, 1};
      Setup clean(model, {{590, 8}}), setup(model, {{590, 8}});
      const KvLayout layout = model.layout();
      std::byte* const keys = setup.pages().data() + 594 / kPageTokens * layout.page_bytes() + layout.tile_offset(kLayer, 0);
      const std::vector<float> head(64, std::nanf(""));
      ops::ref::store_head(layout, keys + (value ? layout.block_bytes() : 0), 594 % kPageTokens, head.data());
      setup.pass().write_pages(setup.pages());
      const std::vector<float> expected = attend(clean, clean.shape()), out = attend(setup, setup.shape());
      for (size_t r = 0; r < 4; r++) CHECK(same_row(model, out, r, expected, r));
      CHECK(std::all_of(out.begin() + 4 * 64, out.end(), nan));
    }
}

TEST("scores far apart: weights that vanish, and maxima that move from split to split") {
  for (const KvType type : kTypes) {
    const Model model{type, 64, 1, 4};
    Setup setup(model, {{1500, 3}});
    // Scores in about +-250; eight significant bits, so that no query is rounded and the best key is the same as in the reference.
    for (float& value : setup.q()) value = bf16_to_f32(f32_to_bf16(64 * value));
    const std::vector<float> expected = setup.reference();
    const double difference = largest_difference(attend(setup, setup.shape()), expected);
    CHECK_MSG(difference <= tolerance(type), model.text() + " differs by " + std::to_string(difference));
  }
}

TEST("heads of more than 256 dimensions and more keys than a pass has pages for are refused") {
  AttentionShape shape = Setup({KvType::kF16, 64, 1, 1}, {{0, 1}}).shape();
  shape.kv.padded_head_dim = 272;
  CHECK_THROWS(kUnsupportedModel, ops::cuda::attention_scratch_bytes(shape));
  shape.kv.padded_head_dim = 64;
  shape.most_keys = ops::cuda::kPassPages * kPageTokens;
  CHECK(ops::cuda::attention_scratch_bytes(shape) > 0);
  shape.rows = shape.spans = 256;
  shape.kv.kv_heads = shape.heads = 64;
  CHECK_THROWS(kContextOverflow, ops::cuda::attention_scratch_bytes(shape));
}
