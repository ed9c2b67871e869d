// What the softmax over a tile of scores is made of, for one query. Include from isa/attention*.h only.
#pragma once
#include <math.h>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

constexpr int kTileVectors = kPageTokens / 16;
using TileVectors = F32x16[kTileVectors];

// The values of query i of the block, [head_dim].
RAGDRAFT_INLINE const float* query(const AttentionBlock& block, int i) {
  return block.q + size_t(i / block.group) * block.row_stride + size_t(i % block.group) * size_t(block.head_dim);
}

// The lanes from `keys` on become `value`, whatever they were.
RAGDRAFT_INLINE void mask(TileVectors& x, int keys, float value) {
  static const float kLanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const F32x16 lanes = F32x16::load(kLanes), masked = F32x16::set1(value);
  RAGDRAFT_UNROLL
  for (int i = 0; i < kTileVectors; ++i) x[i] = select_less(lanes, F32x16::set1(float(keys - 16 * i)), x[i], masked);
}

RAGDRAFT_INLINE float largest(const TileVectors& x) { return reduce_max(max(max(x[0], x[1]), max(x[2], x[3]))); }
RAGDRAFT_INLINE float total(const TileVectors& x) { return reduce_add((x[0] + x[1]) + (x[2] + x[3])); }

// Takes the tile's scores into the running maximum; what was summed under the old one is scaled.
RAGDRAFT_INLINE void raise_maximum(const TileVectors& scores, int dims, float& maximum, float& sum, float* out) {
  const float peak = largest(scores);
  if (!(peak > maximum)) return;
  const F32x16 factor = exp(F32x16::set1(maximum - peak));
  float lanes[16];
  store(lanes, factor);
  sum *= lanes[0];
  for (int d = 0; d < dims; d += 16) store(out + d, F32x16::load(out + d) * factor);
  maximum = peak;
}

// exp(x). Weights below e^-87 = 1.6e-38 are taken as 0: they would be subnormal, which products pay for in microcode.
RAGDRAFT_INLINE F32x16 weight(F32x16 x) { return select_less(x, F32x16::set1(-87.0f), F32x16::zero(), exp(x)); }

}  // namespace
}  // namespace ragdraft::ops
