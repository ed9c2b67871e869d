// The linear kernels of one instruction set: the choice of format and rows, the epilogue, and the quantisation of inputs.
#include "ops/cpu/isa/linear/linear_float.h"
#include "ops/cpu/isa/linear/linear_integer.h"
#include "ops/cpu/isa/linear/linear_output.h"
#include "ops/cpu/isa/simd/simd.h"
#include "ops/cpu/kernel_table.h"
#if RAGDRAFT_HAS_TILES
#include "ops/cpu/isa/linear/linear_bf16_tiles.h"
#include "ops/cpu/isa/linear/linear_tiles.h"
#elif RAGDRAFT_HAS_BF16
#include "ops/cpu/isa/linear/linear_bf16.h"
#endif

namespace ragdraft::ops {
namespace {

// A row takes two accumulators (the running dot and the sum, or two chains of floats) of the 32 or 16 vector registers, which
// are one (AVX-512), two (AVX2) or four (NEON) to an F32x16. Measured: more rows spill and gain nothing.
constexpr int kVectorRows = RAGDRAFT_HAS_AVX512 ? 12 : 3;
#if RAGDRAFT_HAS_TILES
constexpr int kBlockRows = kTileRows;
#else
constexpr int kBlockRows = kVectorRows;
#endif

// Measured: calls of up to 12 rows wait for memory with vectors as with tiles, or longer with tiles.
bool by_tiles(const InputBlock& block) { return RAGDRAFT_HAS_TILES && block.call_rows > kVectorRows; }

constexpr int64_t kPassBytes = 512 << 10;  // weights that stay in L2 while several row blocks pass over them

// A kernel has kPanels, the panels that it takes at a time, and sum_panels<P, R>: the sums of panel index + p, p < P <= kPanels, and row
// r of R to sums[p R + r].
template <class Kernel, int P, int R>
RAGDRAFT_INLINE void multiply_panels(const PackedWeights& weights, int64_t index, const InputBlock& input, const LinearOutput& output) {
  F32x16 sums[P * R];
  Kernel::template sum_panels<P, R>(weights, index, input, sums);
  float lanes[P * R][kPanelOutputs];
  RAGDRAFT_UNROLL
  for (int i = 0; i < P * R; ++i) store(lanes[i], sums[i]);
  for (int i = 0; i < P * R; ++i) finish_row(lanes[i], index + i / R, weights.rows, input.first_row + i % R, output);
}

template <class Kernel, int R>
RAGDRAFT_NOINLINE void multiply_rows(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock& input,
                                     const LinearOutput& output) {
  int64_t index = first;
  for (; index + Kernel::kPanels <= last; index += Kernel::kPanels) multiply_panels<Kernel, Kernel::kPanels, R>(weights, index, input, output);
  for (; Kernel::kPanels > 1 && index < last; ++index) multiply_panels<Kernel, 1, R>(weights, index, input, output);
}

// The instance for the block's rows, R .. kVectorRows.
template <class Kernel, int R = 1>
void multiply_block(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock& input, const LinearOutput& output) {
  if (input.rows == R) return multiply_rows<Kernel, R>(weights, first, last, input, output);
  if constexpr (R < kVectorRows) multiply_block<Kernel, R + 1>(weights, first, last, input, output);
}

template <class Kernel>
void multiply_blocks(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count,
                     const LinearOutput& output) {
  const int64_t fit = kPassBytes / int64_t(weights.read_bytes) / Kernel::kPanels * Kernel::kPanels;
  const int64_t step = count == 1 ? last - first : fit > 0 ? fit : Kernel::kPanels;
  for (int64_t from = first; from < last; from += step)
    for (int b = 0; b < count; ++b) {
      const int64_t to = last - from < step ? last : from + step;
      multiply_block<Kernel>(weights, from, to, blocks[b], output);
    }
}

template <PackedFormat kFormat>
void multiply_floats(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count,
                     const LinearOutput& output) {
  using Kernel = FloatKernel<kFormat>;
  if (kBlockRows == kVectorRows) return multiply_blocks<Kernel>(weights, first, last, blocks, count, output);
  for (int b = 0; b < count; ++b) {  // what is one block for tiles may be two for vectors
    const int upper = blocks[b].rows > kVectorRows ? blocks[b].rows / 2 : 0, lower = blocks[b].rows - upper;
    InputBlock parts[2] = {blocks[b], blocks[b]};
    parts[0].rows = lower;
    parts[1].rows = upper;
    parts[1].first_row += lower;
    parts[1].floats += lower;
    multiply_blocks<Kernel>(weights, first, last, parts, upper > 0 ? 2 : 1, output);
  }
}

void multiply_by_bf16(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count,
                      const LinearOutput& output) {
#if RAGDRAFT_HAS_TILES
  multiply_bf16_tiles(weights, first, last, blocks, count, output);
#elif RAGDRAFT_HAS_BF16
  multiply_blocks<Bf16Kernel>(weights, first, last, blocks, count, output);
#else
  multiply_floats<PackedFormat::kBF16>(weights, first, last, blocks, count, output);
#endif
}

template <PackedFormat kFormat>
void multiply_integers(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count,
                       const LinearOutput& output) {
#if RAGDRAFT_HAS_TILES
  if (by_tiles(blocks[0])) return multiply_tiles<kFormat>(weights, first, last, blocks, count, output);
#endif
  multiply_blocks<IntegerKernel<kFormat>>(weights, first, last, blocks, count, output);
}

void multiply(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count, const LinearOutput& output) {
  switch (weights.format) {
    case PackedFormat::kF32: return multiply_floats<PackedFormat::kF32>(weights, first, last, blocks, count, output);
    case PackedFormat::kF16: return multiply_floats<PackedFormat::kF16>(weights, first, last, blocks, count, output);
    case PackedFormat::kBF16: return multiply_by_bf16(weights, first, last, blocks, count, output);
    case PackedFormat::kQ8_0: return multiply_integers<PackedFormat::kQ8_0>(weights, first, last, blocks, count, output);
    case PackedFormat::kQ4_0: return multiply_integers<PackedFormat::kQ4_0>(weights, first, last, blocks, count, output);
    case PackedFormat::kQ4_K: return multiply_integers<PackedFormat::kQ4_K>(weights, first, last, blocks, count, output);
    case PackedFormat::kQ5_K: return multiply_integers<PackedFormat::kQ5_K>(weights, first, last, blocks, count, output);
    case PackedFormat::kQ6_K: return multiply_integers<PackedFormat::kQ6_K>(weights, first, last, blocks, count, output);
    case PackedFormat::kQ8_0High: return multiply_integers<PackedFormat::kQ8_0High>(weights, first, last, blocks, count, output);
  }
}

void quantize(const float* x, int64_t columns, int row, const InputBlock& block) {
  const int rows = block.rows;
  for (int64_t group = 0; group < columns / kGroupInputs; ++group, x += kGroupInputs) {
    const F32x16 a = F32x16::load(x), b = F32x16::load(x + 16);
    const float largest = reduce_max(max(abs(a), abs(b)));
    const float inverse = largest > 1e-30f ? 127.0f / largest : 0.0f;
    // 0, but NaN if an input is infinite or NaN: such a row gets a scale of NaN, so that it shows in every output.
    const float probe = reduce_add(fma(a, F32x16::zero(), b * F32x16::zero()));
    const bool finite = probe == 0.0f;
    const I32x16 lower = finite ? to_i32(round(a * F32x16::set1(inverse))) : I32x16::zero();
    const I32x16 upper = finite ? to_i32(round(b * F32x16::set1(inverse))) : I32x16::zero();
    int8_t quants[kGroupInputs];
    store_s8(quants, lower);
    store_s8(quants + 16, upper);
    if (by_tiles(block)) {
      std::memcpy(block.quants + (group * rows + row) * kGroupInputs, quants, kGroupInputs);
    } else {
      for (int four = 0; four < 8; ++four) std::memcpy(block.quants + ((group * 8 + four) * rows + row) * 4, quants + 4 * four, 4);
    }

    const int32_t lower_sum = reduce_add(lower), upper_sum = reduce_add(upper), sum = lower_sum + upper_sum;
    const int64_t at = group * rows + row;
    const float scale = largest / 127.0f + probe;
    block.scales[at] = scale;
    block.scaled_sums[at] = scale * float(sum);
    block.minus8[at] = -8 * sum;
    block.minus128[at] = -128 * sum;
    block.minus32[2 * group * rows + row] = -32 * lower_sum;
    block.minus32[(2 * group + 1) * rows + row] = -32 * upper_sum;
  }
}

#if RAGDRAFT_HAS_BF16
void round_inputs(const float* x, int64_t columns, int row, const InputBlock& block) {
  const int rows = block.rows;
  for (int64_t step = 0; step < columns; step += kGroupInputs) {
    float tail[kGroupInputs];
    const float* values = x + step;
    if (columns - step < kGroupInputs) {
      std::memset(tail, 0, sizeof tail);
      std::memcpy(tail, values, size_t(columns - step) * sizeof(float));
      values = tail;
    }
    const NativeBf16Pairs rounded = to_bf16_pairs(F32x16::load(values), F32x16::load(values + 16));
    uint16_t* to = block.halves + step * rows;
    if (RAGDRAFT_HAS_TILES) {
      store(to + row * kGroupInputs, rounded);
      continue;
    }
    uint16_t pairs[16][2];
    store(pairs, rounded);
    for (int pair = 0; pair < 16; ++pair) std::memcpy(to + (pair * rows + row) * 2, pairs[pair], sizeof pairs[pair]);
  }
}
constexpr auto kRound = round_inputs;
#else
constexpr void (*kRound)(const float*, int64_t, int, const InputBlock&) = nullptr;
#endif

constexpr LinearKernels kKernels = {RAGDRAFT_ISA_TEXT, kBlockRows, multiply, quantize, kRound};

}  // namespace

const LinearKernels& RAGDRAFT_SYMBOL(linear_kernels)() { return kKernels; }

}  // namespace ragdraft::ops
