// The elementwise kernels of one instruction set. Callers: native/ops/cpu/elementwise.cc, rope.cc.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ragdraft::ops {

struct ElementwiseKernels {
  // x, out: [rows, dim], may be the same. The sum of squares has a fixed order that depends on dim alone.
  void (*rms_norm)(const float* x, const float* weight, float epsilon, int rows, int dim, float* out);
  // gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i]
  void (*swiglu)(float* gate, const float* up, size_t count);
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
const ElementwiseKernels& elementwise_kernels_neon();

}  // namespace ragdraft::ops
