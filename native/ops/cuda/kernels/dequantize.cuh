// GGUF's formats as native/formats/dtype.cc defines them, element by element: the same products and roundings in the same order, so that the
// values are the same bits. Rows lie as in the file, at even addresses (F32: multiples of 4).
#pragma once
#include "ops/cuda/gpu.h"
#include "formats/dtype.h"

namespace ragdraft::ops::cuda {

__device__ inline float load_f16(const uint8_t* p) { return gpu::f16_to_f32(*reinterpret_cast<const uint16_t*>(p)); }

// Scale and minimum of one of the eight sub-blocks of a Q4_K or Q5_K block: six bits each, packed into 12 bytes.
struct SubBlock {
  float scale, minimum;
};
__device__ inline SubBlock sub_block(const uint8_t* packed, int sub) {
  if (sub < 4) return {float(packed[sub] & 63), float(packed[sub + 4] & 63)};
  const int scale = (packed[sub + 4] & 15) | (packed[sub - 4] >> 6) << 4;
  const int minimum = (packed[sub + 4] >> 4) | (packed[sub] >> 6) << 4;
  return {float(scale), float(minimum)};
}

// Of the types whose elements share scales.
template <formats::DType kType>
inline constexpr int kBlockInputs = kType == formats::DType::kQ8_0 || kType == formats::DType::kQ4_0 ? 32 : 256;
template <formats::DType kType>
inline constexpr int kBlockBytes = kType == formats::DType::kQ8_0   ? 34
                                   : kType == formats::DType::kQ4_0 ? 18
                                   : kType == formats::DType::kQ4_K ? 144
                                   : kType == formats::DType::kQ5_K ? 176
                                                                   : 210;

// Number `at` of a block as it is stored, unsigned: 4, 5 or 6 bits.
template <formats::DType kType>
__device__ int stored_quant(const uint8_t* block, int at) {
  using formats::DType;
  if constexpr (kType == DType::kQ4_0) {
    return block[2 + at % 16] >> at / 16 * 4 & 15;
  } else if constexpr (kType == DType::kQ4_K || kType == DType::kQ5_K) {
    constexpr bool kFive = kType == DType::kQ5_K;
    const uint8_t* nibbles = block + (kFive ? 48 : 16);
    const int sub = at / 32, low = nibbles[sub / 2 * 32 + at % 32] >> sub % 2 * 4 & 15;
    return kFive ? low | (block[16 + at % 32] >> sub & 1) << 4 : low;
  } else {
    static_assert(kType == DType::kQ6_K);
    const int half = at / 128, run = at % 128 / 32, j = at % 32;
    const int low = block[64 * half + run % 2 * 32 + j] >> run / 2 * 4 & 15;
    return low | (block[128 + 32 * half + j] >> 2 * run & 3) << 4;
  }
}

template <formats::DType kType>
__device__ float element(const uint8_t* row, int64_t i) {
  using formats::DType;
  if constexpr (kType == DType::kF32) {
    return reinterpret_cast<const float*>(row)[i];
  } else if constexpr (kType == DType::kF16) {
    return load_f16(row + 2 * i);
  } else if constexpr (kType == DType::kBF16) {
    return gpu::bf16_to_f32(reinterpret_cast<const uint16_t*>(row)[i]);
  } else {
    constexpr int kInputs = kBlockInputs<kType>;
    const uint8_t* block = row + i / kInputs * kBlockBytes<kType>;
    const int at = int(i % kInputs);
    if constexpr (kType == DType::kQ8_0) {
      return load_f16(block) * float(int8_t(block[2 + at]));
    } else if constexpr (kType == DType::kQ4_0) {
      return load_f16(block) * float(stored_quant<kType>(block, at) - 8);
    } else if constexpr (kType == DType::kQ6_K) {
      const float step = load_f16(block + 208) * float(int8_t(block[192 + at / 16]));
      return step * float(stored_quant<kType>(block, at) - 32);
    } else {
      const SubBlock part = sub_block(block + 4, at / 32);
      const float step = load_f16(block) * part.scale, low = load_f16(block + 2) * part.minimum;
      return step * float(stored_quant<kType>(block, at)) - low;
    }
  }
}

}  // namespace ragdraft::ops::cuda
