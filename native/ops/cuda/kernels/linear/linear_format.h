// What linear.h does for one type of weights. Each type has a source of its own; linear.cu chooses among them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/cuda/kernels/linear/linear.h"

namespace ragdraft::ops::cuda {

inline constexpr int kMaxProducts = 4;  // of one input

struct LinearFormat {
  InputForm input_form;
  size_t (*packed_bytes)(int64_t rows, int64_t columns);
  size_t (*packed_draft_bytes)(int64_t rows, int64_t columns);
  void (*pack)(gpu::Stream& stream, const uint8_t* raw, int64_t first_row, int64_t rows, const DeviceMatrix& into);
  // All of this type, at most kMaxProducts.
  void (*linear)(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows, bool draft);
};

// kLinearF32, kLinearQ8_0, ...
#define RAGDRAFT_X(name) extern const LinearFormat kLinear##name;
RAGDRAFT_KERNEL_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X

}  // namespace ragdraft::ops::cuda
