// Softmax over a tile of scores for the rows of a tile at once. Include from isa/attention_amx*.h only.
//
// One row's operations do not depend on the others: what is done for all of them in one vector is a lane of its own.
#pragma once
#include <string.h>

#include "ops/cpu/isa/attention/attention_softmax.h"
#include "ops/cpu/isa/attention/attention_weights_bf16.h"
#include "ops/cpu/isa/simd/lanes_avx512.h"

namespace ragdraft::ops {
namespace {

// The largest score of each row: lane r for row r. Every step halves the lanes of two vectors and joins them.
RAGDRAFT_INLINE F32x16 row_peaks(const float* scores) {
  F32x16 quarter[4];
  for (int i = 0; i < 4; ++i) {
    F32x16 half[2];
    RAGDRAFT_UNROLL
    for (int j = 0; j < 2; ++j) {
      F32x16 row[2];
      RAGDRAFT_UNROLL
      for (int k = 0; k < 2; ++k) {
        const float* s = scores + (4 * i + 2 * j + k) * kPageTokens;
        row[k] = max(max(F32x16::load(s), F32x16::load(s + 16)), max(F32x16::load(s + 32), F32x16::load(s + 48)));
      }
      half[j] = max(join_quarters<0x88>(row[0], row[1]), join_quarters<0xdd>(row[0], row[1]));
    }
    quarter[i] = max(join_quarters<0x88>(half[0], half[1]), join_quarters<0xdd>(half[0], half[1]));
  }
  // Lane 4 a + b of quarter[i]: one of the four largest of row 4 i + a.
  const F32x16 low = max(join_lanes<0x88>(quarter[0], quarter[1]), join_lanes<0xdd>(quarter[0], quarter[1]));
  const F32x16 high = max(join_lanes<0x88>(quarter[2], quarter[3]), join_lanes<0xdd>(quarter[2], quarter[3]));
  return transpose_4x4(max(join_lanes<0x88>(low, high), join_lanes<0xdd>(low, high)));
}

// The rows of a tile, from the first one's values on.
struct SoftmaxRows {
  int count;
  float* maximum;
  float* sums;  // [rows][16], lane by lane
  float* out;   // [rows][kQueryStride], of which `dims`
  int dims;
};

// Takes the tile's scores into the running maxima; what was summed under the old ones is scaled.
RAGDRAFT_INLINE void raise_maxima(const float* scores, const SoftmaxRows& rows) {
  const F32x16 peaks = row_peaks(scores), before = F32x16::load(rows.maximum);
  unsigned raised = lanes_less(before, peaks) & lanes_below(rows.count);
  if (raised == 0) return;
  float factors[16];
  store(factors, exp(before - peaks));
  store_lanes(rows.maximum, Lanes(raised), peaks);
  for (; raised != 0; raised &= raised - 1) {
    const int r = __builtin_ctz(raised);
    const F32x16 factor = F32x16::set1(factors[r]);
    store(rows.sums + 16 * r, F32x16::load(rows.sums + 16 * r) * factor);
    float* out = rows.out + r * kQueryStride;
    for (int d = 0; d < rows.dims; d += 16) store(out + d, F32x16::load(out + d) * factor);
  }
}

}  // namespace
}  // namespace ragdraft::ops
