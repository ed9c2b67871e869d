// Q8_0 blocks of a file into the planes of linear_layout.h.
#pragma once
#include "ops/cuda/kernels/linear_layout.h"

namespace ragdraft::ops::cuda {

inline constexpr int kPackThreads = 256;
inline constexpr int kQ8Bytes = 34;  // f16 scale, 32 signed bytes; blocks lie at even addresses

__device__ inline uint32_t load_even(const uint8_t* p) {
  const auto* halves = reinterpret_cast<const uint16_t*>(p);
  return halves[0] | uint32_t(halves[1]) << 16;
}

// A thread packs a lane's words of one strip and one pair. raw: [rows][groups] blocks. Grid: x = pieces of kPackThreads of the pairs'
// lanes, y = strips of the run.
__global__ void pack_q8_kernel(const uint8_t* __restrict__ raw, int64_t rows, int64_t groups, Planes into) {
  const int64_t at = int64_t(blockIdx.x) * kPackThreads + threadIdx.x, pair = at / 32, strip = blockIdx.y;
  if (pair >= into.pairs) return;
  const int lane = int(at % 32), g = lane / 4, t = lane % 4;
  uint32_t high[4] = {}, low[4] = {}, scales[2] = {};
  for (int j = 0; j < 2; j++) {
    const int64_t group = 2 * pair + j;
    uint32_t a[4] = {};
    for (int upper = 0; upper < 2; upper++) {
      const int64_t row = strip * kStripOutputs + g + 8 * upper;
      if (group >= groups || row >= rows) continue;
      const uint8_t* block = raw + (row * groups + group) * kQ8Bytes;
      scales[j] |= uint32_t(*reinterpret_cast<const uint16_t*>(block)) << 16 * upper;
      for (int half = 0; half < 2; half++) a[2 * half + upper] = load_even(block + 2 + 16 * half + 4 * t);
    }
    for (int half = 0; half < 2; half++) {
      const uint32_t first = a[2 * half], second = a[2 * half + 1];
      high[2 * j + half] = (first & 0xf0f0f0f0u) | (second >> 4 & 0x0f0f0f0fu);
      low[2 * j + half] = (first & 0x0f0f0f0fu) | (second << 4 & 0xf0f0f0f0u);
    }
  }
  const int64_t tile = strip * into.pairs + pair;
  into.high[tile * 32 + lane] = uint4{high[0], high[1], high[2], high[3]};
  into.low[tile * 32 + lane] = uint4{low[0], low[1], low[2], low[3]};
  if (t == 0) into.scales[tile * 8 + g] = uint2{scales[0], scales[1]};
}

}  // namespace ragdraft::ops::cuda
