// A block makes one row's inputs of kPieceGroups groups, a warp 32 of them at a time. What belongs to the whole row - its norm, its
// largest magnitude - every block of the row computes for itself: the row is in L2, and a second launch would cost more.
#pragma once
#include "ops/cuda/kernels/linear/inputs.h"
#include "ops/cuda/kernels/quantize.cuh"
#include "ops/cuda/kernels/reduce.cuh"

namespace ragdraft::ops::cuda {

inline constexpr int kInputThreads = 256, kInputWarps = kInputThreads / 32;
inline constexpr int kPieceGroups = 4 * kInputWarps;

// Element i of row `row` of the source; `factor`: of its norm.
template <RowSource::Kind kKind>
__device__ float source_value(const RowSource& source, int64_t columns, int64_t row, int64_t i, float factor) {
  const float value = source.values[row * columns + i];
  if constexpr (kKind == RowSource::Kind::kRmsNorm) return value * factor * source.weight[i];
  if constexpr (kKind == RowSource::Kind::kSwiGlu) return value / (1.0f + expf(-value)) * source.up[row * columns + i];
  return value;
}

template <RowSource::Kind kKind>
__device__ float norm_factor(const RowSource& source, int64_t columns, int64_t row) {
  if constexpr (kKind != RowSource::Kind::kRmsNorm) return 1;
  float sum = 0;
  for (int64_t i = threadIdx.x; i < columns; i += kInputThreads) {
    const float value = source.values[row * columns + i];
    sum = fmaf(value, value, sum);
  }
  return 1.0f / sqrtf(block_sum<kInputWarps>(sum) / float(columns) + source.epsilon);
}

// The power of two that brings `largest` into [2^14, 2^15), NaN for what is not finite. Powers are kept where they and their inverses are
// normal numbers.
__device__ inline float half_factor(float largest) {
  const int exponent = int(__float_as_uint(largest) >> 23 & 255);  // 0: zero or subnormal, 255: not finite
  if (exponent == 255) return __uint_as_float(0x7fffffffu);
  const int power = min(max(14 - (exponent - 127), -126), 126);
  return __uint_as_float(uint32_t(power + 127) << 23);
}

template <RowSource::Kind kKind>
__device__ float row_half_factor(const RowSource& source, int64_t columns, int64_t row, float norm) {
  float largest = 0;
  for (int64_t i = threadIdx.x; i < columns; i += kInputThreads)
    largest = fmaxf(largest, fabsf(source_value<kKind>(source, columns, row, i, norm)));
  return half_factor(block_max<kInputWarps>(largest));
}

// Grid: x = pieces of kPieceGroups groups, y = rows.
template <RowSource::Kind kKind, InputForm kForm>
__global__ void __launch_bounds__(kInputThreads) make_inputs_kernel(RowSource source, Inputs out) {
  const int64_t row = blockIdx.y, tile = row / kTileRows, r = row % kTileRows;
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const float norm = norm_factor<kKind>(source, out.columns, row);
  float factor = 1;
  if constexpr (kForm == InputForm::kF16) {
    factor = row_half_factor<kKind>(source, out.columns, row, norm);
    if (blockIdx.x == 0 && threadIdx.x == 0) out.scales[row] = 1.0f / factor;
  }
  const int64_t first = int64_t(blockIdx.x) * kPieceGroups, end = min(first + kPieceGroups, out.groups);
  for (int64_t group = first + warp; group < end; group += kInputWarps) {
    const int64_t i = group * kGroupInputs + lane, at = tile * out.groups + group;
    const float value = i < out.columns ? source_value<kKind>(source, out.columns, row, i, norm) : 0.0f;
    if constexpr (kForm == InputForm::kBytes) {
      const GroupByte byte = quantize_group(value);
      const int place = lane % 16 / 4 * 8 + lane / 16 * 4 + lane % 4;
      static_cast<int8_t*>(out.values)[(at * kTileRows + r) * kGroupInputs + place] = int8_t(byte.quant);
      const int sum = half_warp_sum(byte.quant);
      if (lane % 16 == 0) out.sums[(at * 2 + lane / 16) * kTileRows + r] = sum;
      if (lane == 0) out.scales[at * kTileRows + r] = byte.scale;
    } else if constexpr (kForm == InputForm::kF32) {
      if (i < out.columns) static_cast<float*>(out.values)[row * out.columns + i] = value;
    } else {
      const uint16_t half = kForm == InputForm::kBF16 ? gpu::f32_to_bf16(value) : gpu::f32_to_f16(value * factor);
      static_cast<uint16_t*>(out.values)[(at * kTileRows + r) * kGroupInputs + lane] = half;
    }
  }
}

}  // namespace ragdraft::ops::cuda
