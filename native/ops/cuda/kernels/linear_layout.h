// Q8_0 weights as the kernels of linear.h read them. Outputs in strips of 16 (the rows of an mma), inputs in pairs of groups of 32:
// a lane's 16 bytes of a plane are its operands of one strip and one pair.
//   high    uint4[strip][pair][lane]   upper nibbles. Word 2 j + h, group j, h = 0, 1: a[2 h] in the upper halves of the bytes,
//                                      a[2 h + 1] in the lower ones (a: operand A of mma_s8)
//   scales  uint2[strip][pair][g]      f16 of outputs g and g + 8: of the first group, of the second
//   low     uint4[strip][pair][lane]   lower nibbles. The same words: a[2 h] in the lower halves, a[2 h + 1] in the upper ones
// A byte's halves stay where they are wherever that saves a shift. Draft precision reads `high` and `scales`, without gaps.
// Outputs behind the last one and the second group of an odd last pair have zeros, scales included.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/cuda/kernels/inputs.h"
#include "ops/cuda/kernels/linear.h"

namespace ragdraft::ops::cuda {

inline constexpr int kStripOutputs = 16;
inline constexpr int kBlockStrips = 2;  // of a thread block: what its inputs are loaded for
inline constexpr int kBlockOutputs = kBlockStrips * kStripOutputs;
static_assert(kPackRows % kBlockOutputs == 0);

struct PlaneSizes {
  size_t strips, pairs;
  size_t nibbles, scales;  // bytes of either plane of nibbles, of the scales; multiples of 256
};
inline PlaneSizes plane_sizes(int64_t rows, int64_t columns) {
  const size_t strips = size_t(rows + kBlockOutputs - 1) / kBlockOutputs * kBlockStrips;
  const size_t pairs = size_t(columns + 2 * kGroupInputs - 1) / (2 * kGroupInputs);
  return {strips, pairs, strips * pairs * 32 * sizeof(uint4), (strips * pairs * 8 * sizeof(uint2) + 255) / 256 * 256};
}

// Of a packed matrix, from a strip on.
struct Planes {
  uint4 *high, *low;
  uint2* scales;
  int64_t pairs;
};
inline Planes planes_of(const Weights& weights, int64_t first_strip = 0) {
  const PlaneSizes sizes = plane_sizes(weights.rows, weights.columns);
  const size_t first = size_t(first_strip) * sizes.pairs;
  uint8_t *const scales = weights.data + sizes.nibbles, *const low = scales + sizes.scales;
  return {reinterpret_cast<uint4*>(weights.data) + first * 32, reinterpret_cast<uint4*>(low) + first * 32,
          reinterpret_cast<uint2*>(scales) + first * 8, int64_t(sizes.pairs)};
}

}  // namespace ragdraft::ops::cuda
