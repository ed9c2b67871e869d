// The inputs of matrix products: rows of f32 - plain, normed or gated - in the form that a kernel of linear.h multiplies.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/cuda/gpu.h"

namespace ragdraft::ops::cuda {

inline constexpr int kTileRows = 8;    // rows that one mma takes
inline constexpr int kGroupInputs = 32;  // inputs that share a scale

// How a matrix wants its inputs.
//   kBytes  signed bytes and a scale per row and group of 32: scale = largest / 127, to nearest even. Of all integer formats.
//   kBF16   to nearest even
//   kF16    times a power of two that brings the row's largest magnitude into [2^14, 2^15): nothing overflows, little underflows
//   kF32    as they are
enum class InputForm : uint8_t { kBytes, kBF16, kF16, kF32 };

// Rows in a form, in device memory. Tiles of 8 rows follow each other; `groups` = columns / 32, rounded up. Rows after the last one of
// the last tile hold anything, columns after the last one hold zeros.
//   kBytes:       values[tile][group][8 rows][32]: byte 8 t + 4 h + i of a row is input 16 h + 4 t + i of the group, so that lane 4 g + t
//                 of a warp finds its operands b0, b1 of row g in one load, and a depth of 16 inputs is b0 or b1 alone
//   kBF16, kF16:  values[tile][group][8 rows][32] in order: lane 4 g + t takes inputs 8 t .. 8 t + 7 of row g in one load
//   kF32:         values[row][columns]
struct Inputs {
  InputForm form;
  int64_t columns, groups;
  void* values;
  // kBytes: [tile][group][8], NaN for a group that is not finite. kF16: [row], what results are to be multiplied by, NaN for a row with an
  // infinity.
  float* scales;
  int32_t* sums;  // kBytes: [tile][group][2][8], sums of the bytes of inputs 0-15 and 16-31
};

// Memory for `rows` rows; a multiple of 256.
size_t input_bytes(InputForm form, int rows, int64_t columns);
// Inputs that lie in `memory`, of input_bytes() bytes, 256-byte aligned.
Inputs place_inputs(InputForm form, int rows, int64_t columns, void* memory);

// What the rows are made of, as ops::LinearInput.
struct RowSource {
  enum class Kind : uint8_t { kPlain, kRmsNorm, kSwiGlu };
  Kind kind = Kind::kPlain;
  const float* values = nullptr;  // [rows, columns]
  const float* weight = nullptr;  // kRmsNorm: [columns]
  float epsilon = 0;              // kRmsNorm
  const float* up = nullptr;      // kSwiGlu: [rows, columns]
};

// One launch. A row's bits depend on that row alone.
void make_inputs(gpu::Stream& stream, const RowSource& source, int rows, const Inputs& out);

}  // namespace ragdraft::ops::cuda
