#include "ops/cuda/kernels/embed.h"

#include <cstring>

#include "device_array.h"
#include "random_matrix.h"
#include "tap.h"

using namespace ragdraft;
using testing::DType;

TEST("embed gives the bits of dequantize_row: every type, columns that end within a block of threads") {
  constexpr int64_t kVocabulary = 7;
  const std::vector<TokenId> tokens = {6, 0, 3, 3, 5};
  for (const DType type : testing::kTypes)
    for (const int64_t columns : {int64_t{256}, int64_t{768}, int64_t{tensor::info(type).block_elements == 256 ? 512 : 288}}) {
      const testing::RandomMatrix m = testing::random_matrix(type, kVocabulary, columns, uint32_t(columns));
      const testing::DeviceArray<std::byte> data(m.bytes);
      const testing::DeviceArray<TokenId> device_tokens(tokens);
      const ops::cuda::EmbeddingTable table{type, columns, int64_t(tensor::row_bytes(type, columns)),
                                            reinterpret_cast<const uint8_t*>(data.get())};
      testing::for_all_orders([&](const std::string& order) {
        gpu::Stream stream;
        const testing::DeviceArray<float> out(tokens.size() * size_t(columns));
        ops::cuda::embed(stream, table, device_tokens.get(), int(tokens.size()), out.get());
        const std::vector<float> got = out.read(stream);
        for (size_t r = 0; r < tokens.size(); r++) {
          const std::vector<float> expected = m.row(tokens[r]);
          const bool same = std::memcmp(expected.data(), got.data() + r * size_t(columns), size_t(columns) * sizeof(float)) == 0;
          CHECK_MSG(same, std::string(tensor::info(type).name) + " " + order + " row " + std::to_string(r));
        }
      });
    }
}
