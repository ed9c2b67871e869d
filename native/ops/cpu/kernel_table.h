// The entry points that one instruction set offers: plain function pointers, filled by isa/*.cc, chosen once by dispatch.cc.
// C structs only: the translation units that fill them share no code.
#pragma once
#include <cstdint>

#include "ops/cpu/packed_layout.h"

namespace ragdraft::ops {

// The input of a block of R rows (1..LinearKernels::block_rows), rows interleaved so that the kernel's broadcasts walk one stream;
// row-major rows 4 KiB apart would fall into the same L1 sets. Integer formats read x ~ scale * quant.
struct InputBlock {
  int call_rows;         // of all blocks together
  int first_row;         // of the block, in the call
  int rows;              // R
  int8_t* quants;        // [columns / 4][R][4], or where the call's rows are many enough for tiles [columns / 32][R][32]
  float* scales;         // [columns / 32][R]
  float* scaled_sums;    // [columns / 32][R]  scale * sum of the quants, for formats with a minimum or a zero between two integers
  int32_t* minus8;       // [columns / 32][R]  -8 * sum of the quants: where a dot product of u - 8 starts
  int32_t* minus128;     // [columns / 32][R]  -128 * sum
  int32_t* minus32;      // [columns / 16][R]  -32 * sum of 16 quants
  const float* floats;   // [columns][stride]  float formats; R of them are read
  int stride;
  uint16_t* halves;      // bf16, columns rounded up to a multiple of 32 by zeros: [columns / 2][R][2], or for tiles [columns / 32][R][32]
};

// y[r, i] = sum over k of w[i, k] x[r, k] (+ bias[i]) (+ the old y[r, i]); r = a row of the call, i = an output of the matrix.
struct LinearOutput {
  float* y;           // row 0 of the call
  int64_t stride;     // floats from row to row
  const float* bias;  // or nullptr
  bool accumulate;
};

struct LinearKernels {
  const char* isa;
  int block_rows;  // most rows that one pass over a panel serves
  // Panels [first, last) of `weights` times the `count` blocks of a call, whose sizes differ by one row at most. The sum of an element
  // is one chain in ascending k for integer formats, two interleaved chains (even and odd k) for float formats, what isa/linear_bf16*.h
  // say for bf16, whatever the rows of the block: that makes rows bit-identical.
  void (*multiply)(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count,
                   const LinearOutput& output);
  // Quantises one row of `columns` (a multiple of 32) floats into row `row` of `block`.
  // Per 32 columns: scale = max|x| / 127, quant = x * (127 / max|x|) to nearest even; below 1e-30 all quants are 0.
  void (*quantize)(const float* x, int64_t columns, int row, const InputBlock& block);
  // Rounds one row of `columns` floats to bf16, into row `row` of block.halves. nullptr: BF16 weights are multiplied by f32 inputs.
  void (*round)(const float* x, int64_t columns, int row, const InputBlock& block);
};

const LinearKernels& linear_kernels_generic();
const LinearKernels& linear_kernels_avx2();
const LinearKernels& linear_kernels_avx512();
const LinearKernels& linear_kernels_avx512bf16();
const LinearKernels& linear_kernels_amx();
const LinearKernels& linear_kernels_amx_model();
const LinearKernels& linear_kernels_neon();

}  // namespace ragdraft::ops
