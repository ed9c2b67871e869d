// One element of a row in each of GGUF's formats, as native/tensor/dtype.cc defines them: the same products and roundings in the same
// order, so that the values are the same bits. Rows lie as in the file, at even addresses (F32: multiples of 4).
#pragma once
#include "ops/cuda/gpu.h"
#include "tensor/dtype.h"

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

template <tensor::DType kType>
__device__ float element(const uint8_t* row, int64_t i) {
  using tensor::DType;
  if constexpr (kType == DType::kF32) {
    return reinterpret_cast<const float*>(row)[i];
  } else if constexpr (kType == DType::kF16) {
    return load_f16(row + 2 * i);
  } else if constexpr (kType == DType::kBF16) {
    return gpu::bf16_to_f32(reinterpret_cast<const uint16_t*>(row)[i]);
  } else if constexpr (kType == DType::kQ8_0) {
    const uint8_t* block = row + i / 32 * 34;
    return load_f16(block) * float(int8_t(block[2 + i % 32]));
  } else if constexpr (kType == DType::kQ4_0) {
    const uint8_t* block = row + i / 32 * 18;
    const int at = int(i % 32), quant = block[2 + at % 16] >> at / 16 * 4 & 15;
    return load_f16(block) * float(quant - 8);
  } else if constexpr (kType == DType::kQ4_K || kType == DType::kQ5_K) {
    constexpr bool kFive = kType == DType::kQ5_K;
    const uint8_t* block = row + i / 256 * (kFive ? 176 : 144);
    const int at = int(i % 256), sub = at / 32;
    const SubBlock part = sub_block(block + 4, sub);
    const float step = load_f16(block) * part.scale, low = load_f16(block + 2) * part.minimum;
    const uint8_t* nibbles = block + (kFive ? 48 : 16);
    int quant = nibbles[sub / 2 * 32 + at % 32] >> sub % 2 * 4 & 15;
    if constexpr (kFive) quant |= (block[16 + at % 32] >> sub & 1) << 4;
    return step * float(quant) - low;
  } else {
    static_assert(kType == DType::kQ6_K);
    const uint8_t* block = row + i / 256 * 210;
    const int at = int(i % 256), half = at / 128, run = at % 128 / 32, j = at % 32;
    const int low = block[64 * half + run % 2 * 32 + j] >> run / 2 * 4 & 15;
    const int high = block[128 + 32 * half + j] >> 2 * run & 3;
    const int scale = int8_t(block[192 + 8 * half + 2 * run + j / 16]);
    const float step = load_f16(block + 208) * float(scale);
    return step * float((low | high << 4) - 32);
  }
}

}  // namespace ragdraft::ops::cuda
