// The linear kernels of one instruction set: the choice of format and rows, the epilogue, and the quantisation of inputs.
#include "ops/cpu/isa/linear_float.h"
#include "ops/cpu/isa/linear_integer.h"
#include "ops/cpu/isa/simd.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {
namespace {

// A row takes two accumulators (the running dot and the sum, or two chains of floats) of the 32 or 16 vector registers, which
// are one (AVX-512), two (AVX2) or four (NEON) to an F32x16. Measured: more rows spill and gain nothing.
constexpr int kBlockRows = RAGDRAFT_HAS_AVX512 ? 12 : 3;

// y = (old y) + (sum + bias), for the first `outputs` lanes. y, bias: of the panel's first output.
RAGDRAFT_NOINLINE void finish_row(const float* sums, const float* bias, bool accumulate, int64_t outputs, float* y) {
  if (outputs >= kPanelOutputs) {
    F32x16 sum = F32x16::load(sums);
    if (bias != nullptr) sum = sum + F32x16::load(bias);
    store(y, accumulate ? F32x16::load(y) + sum : sum);
    return;
  }
  for (int64_t i = 0; i < outputs; ++i) {
    const float value = bias != nullptr ? sums[i] + bias[i] : sums[i];
    y[i] = accumulate ? y[i] + value : value;
  }
}

template <template <PackedFormat, int> class Kernel, PackedFormat kFormat, int R>
RAGDRAFT_NOINLINE void multiply_rows(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock& input,
                                     const OutputBlock& output) {
  for (int64_t index = first; index < last; ++index) {
    F32x16 sums[R];
    Kernel<kFormat, R>::sum_panel(weights, index, input, sums);
    float lanes[R][kPanelOutputs];
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) store(lanes[r], sums[r]);
    const int64_t column = index * kPanelOutputs;
    const float* bias = output.bias != nullptr ? output.bias + column : nullptr;
    for (int r = 0; r < R; ++r) finish_row(lanes[r], bias, output.accumulate, weights.rows - column, output.y + r * output.stride + column);
  }
}

// The instance for the block's rows, R .. kBlockRows.
template <template <PackedFormat, int> class Kernel, PackedFormat kFormat, int R = 1>
void multiply_format(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock& input, const OutputBlock& output) {
  if (input.rows == R) return multiply_rows<Kernel, kFormat, R>(weights, first, last, input, output);
  if constexpr (R < kBlockRows) multiply_format<Kernel, kFormat, R + 1>(weights, first, last, input, output);
}

void multiply(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock& input, const OutputBlock& output) {
  switch (weights.format) {
    case PackedFormat::kF32: return multiply_format<FloatKernel, PackedFormat::kF32>(weights, first, last, input, output);
    case PackedFormat::kF16: return multiply_format<FloatKernel, PackedFormat::kF16>(weights, first, last, input, output);
    case PackedFormat::kBF16: return multiply_format<FloatKernel, PackedFormat::kBF16>(weights, first, last, input, output);
    case PackedFormat::kQ8_0: return multiply_format<IntegerKernel, PackedFormat::kQ8_0>(weights, first, last, input, output);
    case PackedFormat::kQ4_0: return multiply_format<IntegerKernel, PackedFormat::kQ4_0>(weights, first, last, input, output);
    case PackedFormat::kQ4_K: return multiply_format<IntegerKernel, PackedFormat::kQ4_K>(weights, first, last, input, output);
    case PackedFormat::kQ5_K: return multiply_format<IntegerKernel, PackedFormat::kQ5_K>(weights, first, last, input, output);
    case PackedFormat::kQ6_K: return multiply_format<IntegerKernel, PackedFormat::kQ6_K>(weights, first, last, input, output);
    case PackedFormat::kQ8_0High: return multiply_format<IntegerKernel, PackedFormat::kQ8_0High>(weights, first, last, input, output);
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
    for (int four = 0; four < 8; ++four) std::memcpy(block.quants + ((group * 8 + four) * rows + row) * 4, quants + 4 * four, 4);

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

constexpr LinearKernels kKernels = {RAGDRAFT_ISA_TEXT, kBlockRows, multiply, quantize};

}  // namespace

const LinearKernels& RAGDRAFT_SYMBOL(linear_kernels)() { return kKernels; }

}  // namespace ragdraft::ops
