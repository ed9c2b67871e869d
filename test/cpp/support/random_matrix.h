// Random weight matrices in every GGUF type, for tests of the kernels.
#pragma once
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "base/half.h"
#include "data_seed.h"
#include "formats/dtype.h"

namespace testing {

using ragdraft::formats::DType;

inline constexpr DType kTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ8_0,
                                   DType::kQ4_0, DType::kQ5_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

inline bool is_integer(DType type) { return type != DType::kF32 && type != DType::kF16 && type != DType::kBF16; }

struct RandomMatrix {
  DType type;
  int64_t rows, columns;
  std::vector<std::byte> bytes;

  ragdraft::formats::MatrixView view() const { return {type, rows, columns, bytes.data()}; }
  std::vector<float> row(int64_t index) const {
    std::vector<float> out(static_cast<size_t>(columns));
    ragdraft::formats::dequantize_row(type, bytes.data() + size_t(index) * ragdraft::formats::row_bytes(type, columns), columns, out.data());
    return out;
  }
};

// Every bit of the quants and 6- and 8-bit scales is random; the f16 scales are finite, of either sign, and 0 now and then.
inline RandomMatrix random_matrix(DType type, int64_t rows, int64_t columns, uint32_t seed) {
  RandomMatrix m{type, rows, columns, std::vector<std::byte>(size_t(rows) * ragdraft::formats::row_bytes(type, columns))};
  std::mt19937 random(seeded(seed));
  std::normal_distribution<float> normal(0, 0.05f);
  for (std::byte& byte : m.bytes) byte = std::byte(random() & 255);
  const ragdraft::formats::DTypeInfo& type_info = ragdraft::formats::info(type);
  const auto put_half = [&](std::byte* at) {
    const uint16_t half = ragdraft::f32_to_f16(random() % 16 == 0 ? 0.0f : normal(random));
    std::memcpy(at, &half, sizeof half);
  };
  for (std::byte* block = m.bytes.data(); block != m.bytes.data() + m.bytes.size(); block += type_info.block_bytes) {
    switch (type) {
      case DType::kF32: {
        const float value = normal(random);
        std::memcpy(block, &value, sizeof value);
        break;
      }
      case DType::kBF16: {
        const uint16_t value = ragdraft::f32_to_bf16(normal(random));
        std::memcpy(block, &value, sizeof value);
        break;
      }
      case DType::kQ4_K:
      case DType::kQ5_K: put_half(block + 2); [[fallthrough]];
      case DType::kF16:
      case DType::kQ8_0:
      case DType::kQ4_0:
      case DType::kQ5_0: put_half(block); break;
      case DType::kQ6_K: put_half(block + 208); break;
    }
  }
  return m;
}

inline std::vector<float> random_floats(size_t count, uint32_t seed) {
  std::mt19937 random(seeded(seed));
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace testing
