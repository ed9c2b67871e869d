// Normalisation, activation and conversion. Whatever is left of a row after its whole vectors goes through a padded copy, so
// that an element is computed alike wherever it stands.
#include "ops/cpu/elementwise_kernels.h"

#include <math.h>
#include <string.h>

#include "ops/cpu/isa/simd/byte_scale.h"
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

constexpr size_t kLanes = 16;

RAGDRAFT_INLINE F32x16 load_part(const float* p, size_t count) {
  float lanes[kLanes] = {};
  memcpy(lanes, p, count * sizeof(float));
  return F32x16::load(lanes);
}
RAGDRAFT_INLINE void store_part(float* p, size_t count, F32x16 value) {
  float lanes[kLanes];
  store(lanes, value);
  memcpy(p, lanes, count * sizeof(float));
}

float sum_of_squares(const float* x, size_t count) {
  F32x16 sums[4] = {F32x16::zero(), F32x16::zero(), F32x16::zero(), F32x16::zero()};
  size_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (size_t j = 0; j < 4; j++) {
      const F32x16 v = F32x16::load(x + i + j * kLanes);
      sums[j] = fma(v, v, sums[j]);
    }
  }
  for (; i < count; i += kLanes) {
    const F32x16 v = load_part(x + i, count - i < kLanes ? count - i : kLanes);
    sums[0] = fma(v, v, sums[0]);
  }
  return reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

float rms_factor(const float* x, size_t count, float epsilon) {
  return 1.0f / sqrtf(sum_of_squares(x, count) / float(count) + epsilon);
}

void scale(const float* x, float factor, const float* weight, size_t count, float* out) {
  const F32x16 f = F32x16::set1(factor);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(out + i, F32x16::load(x + i) * f * F32x16::load(weight + i));
  if (i < count) store_part(out + i, count - i, load_part(x + i, count - i) * f * load_part(weight + i, count - i));
}

RAGDRAFT_INLINE F32x16 gated(F32x16 gate, F32x16 up) {
  return gate / (F32x16::set1(1.0f) + exp(neg(gate))) * up;
}

void swiglu(const float* gate, const float* up, size_t count, float* out) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(out + i, gated(F32x16::load(gate + i), F32x16::load(up + i)));
  if (i < count) store_part(out + i, count - i, gated(load_part(gate + i, count - i), load_part(up + i, count - i)));
}

void to_f16(const float* from, size_t count, uint16_t* to) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_f16(to + i, F32x16::load(from + i));
  if (i < count) {
    uint16_t lanes[kLanes];
    store_f16(lanes, load_part(from + i, count - i));
    memcpy(to + i, lanes, (count - i) * sizeof(uint16_t));
  }
}

void to_bf16(const float* from, size_t count, uint16_t* to) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_bf16(to + i, F32x16::load(from + i));
  if (i < count) {
    uint16_t lanes[kLanes];
    store_bf16(lanes, load_part(from + i, count - i));
    memcpy(to + i, lanes, (count - i) * sizeof(uint16_t));
  }
}

float to_q8(const float* from, size_t count, int8_t* to) {
  ByteRange range;
  for (size_t i = 0; i < count; i += kLanes) range.include(load_part(from + i, count - i < kLanes ? count - i : kLanes));
  const ByteScale scale = range.scale();
  for (size_t i = 0; i < count; i += kLanes) {
    const size_t part = count - i < kLanes ? count - i : kLanes;
    int8_t lanes[kLanes];
    store_s8(lanes, scale.quantise(load_part(from + i, part)));
    memcpy(to + i, lanes, part);
  }
  return scale.scale;
}

constexpr ElementwiseKernels kKernels = {rms_factor, scale, swiglu, to_f16, to_bf16, to_q8};

}  // namespace

const ElementwiseKernels& RAGDRAFT_SYMBOL(elementwise_kernels)() { return kKernels; }

}  // namespace ragdraft::ops
