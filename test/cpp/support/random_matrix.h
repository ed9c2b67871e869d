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

inline constexpr DType kTypes[] = {
#define RAGDRAFT_X(name) DType::k##name,
    RAGDRAFT_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X
};

// Whether products take their inputs as bytes.
inline bool is_integer(DType type) { return ragdraft::formats::info(ragdraft::formats::computed_as(type)).block_elements > 1; }

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
    ragdraft::formats::visit(type, [&](auto format) {
      using Format = decltype(format);
      if constexpr (Format::kQuantBits > 0) {
        for (const int at : Format::kHalves) put_half(block + at);
      } else if constexpr (Format::kId == uint32_t(DType::kF16)) {
        put_half(block);
      } else {  // F32, BF16: the upper bytes of a float
        const float value = normal(random);
        std::memcpy(block, reinterpret_cast<const std::byte*>(&value) + sizeof value - Format::kBlockBytes, Format::kBlockBytes);
      }
    });
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
