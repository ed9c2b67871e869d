// The elementwise kernels of one instruction set. Callers: native/ops/cpu/input_rows.cc, rope.cc.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ragdraft::ops {

struct ElementwiseKernels {
  // 1 / sqrt(mean of x^2 + epsilon). The sum of squares has a fixed order that depends on `count` alone.
  float (*rms_factor)(const float* x, size_t count, float epsilon);
  // out[i] = x[i] * factor * weight[i]
  void (*scale)(const float* x, float factor, const float* weight, size_t count, float* out);
  // out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]
  void (*swiglu)(const float* gate, const float* up, size_t count, float* out);
  // Round to nearest even; f16 saturates at +-65504, NaN stays NaN.
  void (*to_f16)(const float* from, size_t count, uint16_t* to);
  void (*to_bf16)(const float* from, size_t count, uint16_t* to);
  // from[i] ~ scale * to[i]; returns scale = largest / 127. A NaN makes the scale NaN, values saturate at +-1e38.
  float (*to_q8)(const float* from, size_t count, int8_t* to);
};

const ElementwiseKernels& elementwise_kernels_generic();
const ElementwiseKernels& elementwise_kernels_avx2();
const ElementwiseKernels& elementwise_kernels_avx512();
const ElementwiseKernels& elementwise_kernels_avx512bf16();
const ElementwiseKernels& elementwise_kernels_amx();
const ElementwiseKernels& elementwise_kernels_amx_model();
const ElementwiseKernels& elementwise_kernels_neon();

}  // namespace ragdraft::ops
