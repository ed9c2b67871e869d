// The end of a product: a row's sums of one panel to its outputs. Include from isa/linear.cc and its kernels only.
#pragma once
#include "ops/cpu/isa/simd/simd.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {
namespace {

// y = (old y) + (sum + bias) of row `row` of the call and panel `panel`. sums: [16]; the last panel may have fewer outputs.
RAGDRAFT_NOINLINE void finish_row(const float* sums, int64_t panel, int64_t matrix_rows, int row, const LinearOutput& output) {
  const int64_t first = panel * kPanelOutputs, outputs = matrix_rows - first;
  const float* bias = output.bias != nullptr ? output.bias + first : nullptr;
  float* y = output.y + row * output.stride + first;
  if (outputs >= kPanelOutputs) {
    F32x16 sum = F32x16::load(sums);
    if (bias != nullptr) sum = sum + F32x16::load(bias);
    store(y, output.accumulate ? F32x16::load(y) + sum : sum);
    return;
  }
  for (int64_t i = 0; i < outputs; ++i) {
    const float value = bias != nullptr ? sums[i] + bias[i] : sums[i];
    y[i] = output.accumulate ? y[i] + value : value;
  }
}

}  // namespace
}  // namespace ragdraft::ops
