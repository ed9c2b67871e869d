// Floats to signed bytes with a common scale, to nearest even: value ~ scale * byte, |byte| <= 127. The CPU's rule (ops/cpu/isa), bit for
// bit, but for which NaN.
#pragma once
#include "ops/cuda/kernels/reduce.cuh"

namespace ragdraft::ops::cuda {

// Below this a group counts as zeros: 127 / largest must be finite.
inline constexpr float kSmallestAmplitude = 1e-30f;

struct GroupByte {
  int quant;    // of the lane's value
  float scale;  // of the group
};

// A warp's 32 values, one a lane. A group with an infinity or a NaN gets a scale of NaN: it shows in every output.
__device__ inline GroupByte quantize_group(float value) {
  const bool finite = __all_sync(0xffffffffu, fabsf(value) <= 3.402823466e38f);
  const float largest = warp_max(fabsf(value));
  if (!finite) return {0, __uint_as_float(0x7fc00000u)};
  const float inverse = largest > kSmallestAmplitude ? __fdiv_rn(127.0f, largest) : 0.0f;
  return {__float2int_rn(value * inverse), __fdiv_rn(largest, 127.0f)};
}

}  // namespace ragdraft::ops::cuda
