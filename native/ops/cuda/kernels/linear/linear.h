// Matrix products y = W x + bias over packed weights, for 1 .. 17 rows and for the chunks of a prefill. A row's bits depend on
// that row alone: tiles and the split of the sums are functions of the matrix alone.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/linear/inputs.h"
#include "formats/dtype.h"

namespace ragdraft::ops::cuda {

// A matrix in the layout of the kernels, in device memory.
struct DeviceMatrix {
  formats::DType type;     // of the file
  int64_t rows, columns;  // outputs, inputs
  uint8_t* data;          // packed_bytes(), 256-byte aligned
};

// Memory of the packed matrix, and how much of it a product at draft precision reads.
size_t packed_bytes(formats::DType type, int64_t rows, int64_t columns);
size_t packed_draft_bytes(formats::DType type, int64_t rows, int64_t columns);

// The file's rows are packed in runs: first_row is a multiple of this, and so is `rows` but for the matrix's last run.
inline constexpr int kPackRows = 128;
// raw: rows [first_row, first_row + rows) as the file stores them, in device memory, 256-byte aligned.
void pack(gpu::Stream& stream, const uint8_t* raw, int64_t first_row, int64_t rows, const DeviceMatrix& into);

// What a matrix of this type multiplies.
InputForm input_form(formats::DType type);

struct Product {
  DeviceMatrix weights;
  const float* bias;  // [weights.rows] or nullptr
  float* y;           // [rows, weights.rows]
  bool accumulate;    // y += instead of y =
};

// All products share the input, whose form is theirs (input_form). At most four. draft: Q8_0 weights by their upper four bits.
void linear(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows, bool draft);

}  // namespace ragdraft::ops::cuda
