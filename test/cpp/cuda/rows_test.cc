#include "ops/cuda/kernels/rows.h"

#include <cstring>

#include "pass_fixture.h"
#include "random_matrix.h"
#include "tap.h"

using namespace ragdraft;
using testing::DType;

namespace {
const kv::KvLayout kLayout{.layers = 1, .kv_heads = 1, .head_dim = 16, .type = kv::KvType::kBF16};
}

TEST("embed gives the bits of dequantize_row: every type, columns that end within a block of threads, a grid larger than the pass") {
  constexpr int64_t kVocabulary = 7;
  const std::vector<TokenId> tokens = {6, 0, 3, 3, 5};
  testing::DevicePass pass(kLayout, {{0, int(tokens.size())}});
  for (size_t r = 0; r < tokens.size(); r++) pass.host().row[r].token = tokens[r];
  const ops::cuda::Pass* const device_pass = pass.upload();
  for (const DType type : testing::kTypes) {
    if (formats::computed_as(type) != type) continue;
    for (const int64_t columns : {int64_t{256}, int64_t{768}, int64_t{formats::info(type).block_elements == 256 ? 512 : 288}}) {
      const testing::RandomMatrix m = testing::random_matrix(type, kVocabulary, columns, uint32_t(columns));
      const testing::DeviceArray<std::byte> data(m.bytes);
      const ops::cuda::EmbeddingTable table{type, columns, int64_t(formats::row_bytes(type, columns)),
                                            reinterpret_cast<const uint8_t*>(data.get())};
      testing::for_all_orders([&](const std::string& order) {
        gpu::Stream stream;
        const testing::DeviceArray<float> out(tokens.size() * size_t(columns));
        ops::cuda::embed(stream, device_pass, nullptr, table, int(tokens.size()) + 3, out.get());
        const std::vector<float> got = out.read(stream);
        for (size_t r = 0; r < tokens.size(); r++) {
          const std::vector<float> expected = m.row(tokens[r]);
          const bool same = std::memcmp(expected.data(), got.data() + r * size_t(columns), size_t(columns) * sizeof(float)) == 0;
          CHECK_MSG(same, std::string(formats::info(type).name) + " " + order + " row " + std::to_string(r));
        }
      });
    }
  }
}

TEST("embed takes drafts of the round where the host does not know them, token 0 for those that failed") {
  constexpr int64_t kVocabulary = 9, kColumns = 40;
  testing::DevicePass pass(kLayout, {{0, 4}});
  const TokenId tokens[] = {5, unknown_draft(2), unknown_draft(0), unknown_draft(1)};
  for (int r = 0; r < 4; r++) pass.host().row[r].token = tokens[r];
  const std::vector<float> values = testing::random_floats(kVocabulary * kColumns, 2);
  const testing::DeviceArray<float> table(values), out(4 * kColumns);
  const testing::DeviceArray<TokenId> drafts(std::vector<TokenId>{8, -1, 3});
  gpu::Stream stream;
  ops::cuda::embed(stream, pass.upload(), drafts.get(),
                   {DType::kF32, kColumns, kColumns * int64_t(sizeof(float)), reinterpret_cast<const uint8_t*>(table.get())}, 4, out.get());
  const std::vector<float> got = out.read(stream);
  const int expected[] = {5, 3, 8, 0};
  for (size_t r = 0; r < 4; r++)
    CHECK(std::memcmp(got.data() + r * kColumns, values.data() + expected[r] * kColumns, kColumns * sizeof(float)) == 0);
}

TEST("gather_wanted brings the wanted rows together, and writes no others") {
  constexpr int64_t kColumns = 300;
  testing::DevicePass pass(kLayout, {{0, 5}, {70, 4}});
  pass.host().wanted = 3;
  for (const int i : {0, 1, 2}) pass.host().wanted_row[i] = 3 * i + 2;
  const ops::cuda::Pass* const device_pass = pass.upload();
  const std::vector<float> x = testing::random_floats(9 * kColumns, 1);
  const testing::DeviceArray<float> device_x(x), out(3 * kColumns);
  gpu::Stream stream;
  ops::cuda::gather_wanted(stream, device_pass, device_x.get(), 5, kColumns, out.get());
  const std::vector<float> got = out.read(stream);
  for (size_t i = 0; i < 3; i++)
    CHECK(std::memcmp(got.data() + i * kColumns, x.data() + (3 * i + 2) * kColumns, kColumns * sizeof(float)) == 0);
}
