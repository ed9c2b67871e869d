// The reference operations against values worked out by hand: the oracle needs an anchor outside itself.
#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/half.h"
#include "kv_fixture.h"
#include "ops/ref/ref.h"
#include "tap.h"

namespace {

using namespace ragdraft;
using kv::KvLayout;
using kv::KvType;
using formats::DType;

bool near(float a, double b, double tolerance = 1e-6) { return std::abs(double(a) - b) <= tolerance; }

template <class T>
formats::MatrixView view(DType type, int64_t rows, int64_t columns, const std::vector<T>& data) {
  return {type, rows, columns, reinterpret_cast<const std::byte*>(data.data())};
}

const ops::Rope& no_rope() {
  static const ops::Rope rope{};
  return rope;
}

}  // namespace

TEST("reference embed copies the rows of the tokens, in order") {
  const auto backend = ops::make_reference_backend();
  const std::vector<float> table = {1, 2, 3, 4, 5, 6};
  const std::vector<TokenId> tokens = {2, 0, 2};
  std::vector<float> out(6);
  backend->embed(*backend->load_embedding(view(DType::kF32, 3, 2, table)), tokens, out.data());
  CHECK((out == std::vector<float>{5, 6, 1, 2, 5, 6}));
}

TEST("reference rms_norm divides by the root of the mean square") {
  const std::vector<float> x = {3, 4, 0, 0}, weight = {1, 2};  // rows (3, 4): mean square 12.5; (0, 0): epsilon alone
  std::vector<float> out(4);
  ops::ref::rms_norm(x.data(), weight.data(), 0.5f, 2, 2, out.data());
  CHECK(near(out[0], 3 / std::sqrt(13.0)) && near(out[1], 8 / std::sqrt(13.0)) && out[2] == 0 && out[3] == 0);
}

TEST("reference linear multiplies, adds the bias, and accumulates where asked") {
  const auto backend = ops::make_reference_backend();
  const std::vector<float> w = {1, 2, 3, -1, 0, 1};  // two outputs of three inputs
  const auto matrix = backend->pack(view(DType::kF32, 2, 3, w));
  CHECK(matrix->rows == 2 && matrix->columns == 3 && matrix->bytes == 24);
  const std::vector<float> x = {1, 1, 1, 2, 0, -1}, bias = {10, 20};
  std::vector<float> plain(4), added = {100, 100, 100, 100};
  const std::vector<ops::LinearTask> tasks = {{matrix.get(), bias.data(), plain.data(), false},
                                              {matrix.get(), nullptr, added.data(), true}};
  backend->linear(tasks, {x.data()}, 2, ops::Precision::kFull);
  CHECK((plain == std::vector<float>{16, 20, 9, 17}));
  CHECK((added == std::vector<float>{106, 100, 99, 97}));
}

TEST("reference linear keeps its weights after their source is gone, and reads quantised blocks") {
  const auto backend = ops::make_reference_backend();
  std::unique_ptr<ops::Matrix> matrix;
  {
    std::vector<uint8_t> block(34);  // one Q8_0 block: f16 scale, 32 signed bytes
    const uint16_t scale = f32_to_f16(0.5f);
    std::memcpy(block.data(), &scale, 2);
    for (int i = 0; i < 32; i++) block[size_t(2 + i)] = uint8_t(int8_t(i - 16));
    matrix = backend->pack(view(DType::kQ8_0, 1, 32, block));
    std::fill(block.begin(), block.end(), uint8_t{0});
  }
  const std::vector<float> x(32, 1.0f);
  float y = 0;
  backend->linear(std::vector<ops::LinearTask>{{matrix.get(), nullptr, &y, false}}, {x.data()}, 1, ops::Precision::kFull);
  CHECK(y == -8.0f);  // 0.5 * sum of -16..15
}

TEST("reference pack refuses empty matrices and broken blocks") {
  const auto backend = ops::make_reference_backend();
  const std::vector<uint8_t> bytes(64);
  CHECK_THROWS(kUnsupportedModel, backend->pack(view(DType::kQ8_0, 1, 33, bytes)));
  CHECK_THROWS(kUnsupportedModel, backend->pack(view(DType::kF32, 0, 4, bytes)));
}

TEST("reference rope turns pairs by position * frequency, in both layouts, and leaves the rest of a head alone") {
  const auto backend = ops::make_reference_backend();
  const KvLayout layout{.layers = 1, .kv_heads = 1, .head_dim = 6, .type = KvType::kF32};
  ops::Rope rope{.frequency = {std::numbers::pi / 2, std::numbers::pi}, .magnitude = 2, .interleaved = true};
  for (const bool interleaved : {true, false}) {
    rope.interleaved = interleaved;
    fixture::Cache cache(*backend, layout, 1, 64);
    const std::vector<kv::KvSpan> spans = {cache.span(0, 0, 2, 0)};  // positions 0 and 1
    std::vector<float> q = {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}, v(12);
    const std::vector<float> k = q;
    backend->rope_append_kv(layout, 0, spans, rope, 1, q.data(), k.data(), v.data());
    // Position 0: magnitude alone. Position 1: (a, b) -> 2 (-b, a) for the first pair, -2 (a, b) for the second.
    const std::vector<float> turned = interleaved ? std::vector<float>{2, 4, 6, 8, 5, 6, -4, 2, -6, -8, 5, 6}
                                                  : std::vector<float>{2, 4, 6, 8, 5, 6, -6, -4, 2, -8, 5, 6};
    for (size_t i = 0; i < q.size(); i++) {
      CHECK_MSG(near(q[i], turned[i]), "q " + std::to_string(i));
      CHECK(ops::ref::load_element(layout, cache.page(0, 0), int(i) / 6, int(i) % 6) == q[i]);  // k went the same way
    }
  }
}

TEST("reference append rounds to the cache's type, saturates f16 and crosses pages") {
  const auto backend = ops::make_reference_backend();
  for (const KvType type : {KvType::kF16, KvType::kBF16, KvType::kF32, KvType::kQ8}) {
    const KvLayout layout{.layers = 2, .kv_heads = 2, .head_dim = 2, .type = type};
    fixture::Cache cache(*backend, layout, 1, 128);
    const std::vector<kv::KvSpan> spans = {cache.span(0, 0, 2, 63)};  // last of page 0, first of page 1
    std::vector<float> q(8);
    const std::vector<float> k = {1.0f / 3, 1e6f, 3, 4, 5, 6, 7, 8}, v = {-1, -2, -3, -4, -5, -6, -7, -8};
    backend->rope_append_kv(layout, 1, spans, no_rope(), 2, q.data(), k.data(), v.data());
    const std::byte* first = cache.page(0, 0) + layout.tile_offset(1, 0);
    const std::byte* second = cache.page(0, 1) + layout.tile_offset(1, 1);
    const float third = ops::ref::load_element(layout, first, 63, 0), large = ops::ref::load_element(layout, first, 63, 1);
    if (type == KvType::kF16) CHECK(third == 0.333251953125f && large == 65504.0f);
    if (type == KvType::kBF16) CHECK(third == 0.333984375f && large == 999424.0f);
    if (type == KvType::kF32) CHECK(third == 1.0f / 3 && large == 1e6f);
    if (type == KvType::kQ8) CHECK(third == 0 && std::abs(large - 1e6f) < 1);  // bytes 0 and 127 of 1e6 / 127
    CHECK(ops::ref::load_element(layout, second, 0, 1) == 8.0f);
    const float seven = ops::ref::load_element(layout, second + layout.block_bytes(), 0, 0);  // Q8: -111 times 8 / 127
    CHECK(type == KvType::kQ8 ? near(seven, -111 * 8.0 / 127) : seven == -7.0f);
    CHECK(ops::ref::load_element(layout, cache.page(0, 0), 63, 0) == 0.0f);  // layer 0 untouched
  }
}

TEST("reference attention of one key is its value; of a zero query the mean; of two keys the logistic weight") {
  const auto backend = ops::make_reference_backend();
  const KvLayout layout{.layers = 1, .kv_heads = 1, .head_dim = 2, .type = KvType::kF32};
  fixture::Cache cache(*backend, layout, 1, 64);
  const std::vector<kv::KvSpan> spans = {cache.span(0, 0, 3, 0)};
  std::vector<float> q = {5, 7, 2, 0, 0, 0};  // row 0: any; row 1: sees keys 0, 1; row 2: zero query over three keys
  const std::vector<float> k = {0, 0, 1, 0, 9, 9}, v = {1, 2, 3, 6, 5, 1};
  backend->rope_append_kv(layout, 0, spans, no_rope(), 1, q.data(), k.data(), v.data());
  std::vector<float> out(6);
  backend->attention(layout, 0, spans, 1, 0.25f, q.data(), out.data());
  CHECK(out[0] == 1 && out[1] == 2);
  const double w = 1 / (1 + std::exp(-0.5));  // scores 0 and 0.25 * 2 * 1
  CHECK(near(out[2], 1 + 2 * w) && near(out[3], 2 + 4 * w));
  CHECK(near(out[4], 3) && near(out[5], 3));
}

TEST("reference attention maps query heads to kv heads in groups, and batches sequences apart") {
  const auto backend = ops::make_reference_backend();
  const KvLayout layout{.layers = 1, .kv_heads = 2, .head_dim = 2, .type = KvType::kF32};
  fixture::Cache cache(*backend, layout, 2, 64);
  const std::vector<kv::KvSpan> spans = {cache.span(1, 0, 1, 0), cache.span(0, 1, 1, 0)};
  std::vector<float> q(2 * 4 * 2, 1.0f), out(16);
  const std::vector<float> k(8), v = {1, 2, 3, 4, 5, 6, 7, 8};  // [row][kv head][2]
  backend->rope_append_kv(layout, 0, spans, no_rope(), 4, q.data(), k.data(), v.data());
  backend->attention(layout, 0, spans, 4, 1.0f, q.data(), out.data());
  CHECK((out == std::vector<float>{1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 8, 7, 8}));
}

TEST("reference swiglu is silu(gate) * up") {
  const std::vector<float> gate = {0, 1, -1, -200}, up = {3, 2, 2, 1};
  std::vector<float> out(4);
  ops::ref::swiglu(gate.data(), up.data(), 2, 2, out.data());
  CHECK(out[0] == 0 && near(out[1], 1.4621171572600098) && near(out[2], -0.5378828427399902) && near(out[3], 0));
}

TEST("reference linear multiplies what the norm or the gate makes of its input") {
  const auto backend = ops::make_reference_backend();
  const std::vector<float> w = {1, 10}, x = {3, 4, 0, 1}, other = {1, 2, 3, 4};
  const auto matrix = backend->pack(view(DType::kF32, 1, 2, w));
  std::vector<float> y(2), rows(4);
  const ops::LinearTask task{matrix.get(), nullptr, y.data()};
  ops::ref::rms_norm(x.data(), other.data(), 0.5f, 2, 2, rows.data());
  backend->linear({&task, 1}, ops::LinearInput::rms_norm(x.data(), other.data(), 0.5f), 2, ops::Precision::kFull);
  CHECK(near(y[0], double(rows[0]) + 10 * double(rows[1]), 1e-5) && near(y[1], double(rows[2]) + 10 * double(rows[3]), 1e-5));
  ops::ref::swiglu(x.data(), other.data(), 2, 2, rows.data());
  backend->linear({&task, 1}, ops::LinearInput::swiglu(x.data(), other.data()), 2, ops::Precision::kFull);
  CHECK(near(y[0], double(rows[0]) + 10 * double(rows[1]), 1e-4) && near(y[1], double(rows[2]) + 10 * double(rows[3]), 1e-4));
}

TEST("reference memory is zeroed, aligned, and refused with a typed error when there is none") {
  const auto backend = ops::make_reference_backend();
  const auto memory = backend->memory()->allocate(1000);
  CHECK(reinterpret_cast<uintptr_t>(memory.get()) % 64 == 0);
  for (int i = 0; i < 1000; i++) CHECK(memory[i] == std::byte{0});
  CHECK_THROWS(kOutOfMemory, backend->memory()->allocate(SIZE_MAX / 4));
}
