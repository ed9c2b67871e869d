// Panels of integer weights times blocks of quantised rows, by tiles: a product of a tile of rows [rows][32 inputs] and one of weights
// [8][16 outputs][4 inputs] is the exact dots of a step. What is done with them is the chain of linear_integer.h, so a row has the same
// bits from both. Include from isa/linear.cc only.
//
// Measured on Granite Rapids: while tiles are in use, multiplications and conversions of 512 bits go through one port, additions through
// two. The chain of 16 rows and a step is 48 instructions of the first kind (two and a conversion a row), as many cycles; a tile
// product takes 16, and reading its result 16 more, which overlap. Hence every other row converts by additions.
#pragma once
#include "ops/cpu/isa/linear/linear_expand.h"
#include "ops/cpu/isa/linear/linear_output.h"
#include "ops/cpu/isa/simd/tiles.h"

namespace ragdraft::ops {
namespace {

constexpr int kPassBlocks = 8;  // row blocks that share an expanded piece; 128 rows of 8,192 inputs are 1 MiB and stay in L2

struct alignas(64) TileProducts {
  int32_t dots[kTileRows][16];
};

// float(dot) for |dot| < 2^22: 1.5 * 2^23 + dot has the bits of the sum of both as integers.
RAGDRAFT_INLINE F32x16 convert_by_additions(const int32_t* dots) {
  constexpr float kOffset = 12582912.0f;
  constexpr int32_t kOffsetBits = 0x4b400000;
  return as_f32(I32x16::load(dots) + I32x16::set1(kOffsetBits)) - F32x16::set1(kOffset);
}

// What the product reads next, brought closer as it goes: of each stream half a step's 512 bytes, `stride` bytes on with every step.
struct Upcoming {
  const std::byte* streams[2];
  int64_t strides[2];
};

// Where a block's product with a piece stands: what the next step to be started reads, and what the next to be finished does.
// Two steps are in flight, in tiles C, 2 + C (rows), 4 + C (weights), C = 0 or 1.
template <bool kMinimum, int kSteps, int R>
struct TileCursor {
  static constexpr int kWidth = kGroupInputs / kSteps;
  const int8_t* quants;         // [group][R][32]
  const uint8_t* bytes;         // ExpandedPiece::bytes
  const float* scales;          // ExpandedPiece::scales
  const float* minus_minimums;  // ExpandedPiece::minus_minimums
  const float* input_scales;    // [group][R]
  const float* input_sums;      // [group][R], scaled
  Upcoming upcoming;

  template <int C>
  RAGDRAFT_INLINE void start() {
    zero_tile<C>();
    load_tile<2 + C>(quants, kGroupInputs);
    load_tile<4 + C>(bytes, kTileRowBytes);
    multiply_s8<C, 2 + C, 4 + C>();
    quants += kSteps == 1 ? kGroupInputs * R : C == 0 ? kWidth : kGroupInputs * R - kWidth;
    bytes += kWidth * 16;
    RAGDRAFT_UNROLL
    for (int stream = 0; stream < 2; ++stream) {
      RAGDRAFT_UNROLL
      for (int line = 0; line < 4 / kSteps; ++line) prefetch(upcoming.streams[stream] + 64 * line);
      upcoming.streams[stream] += upcoming.strides[stream];
    }
  }

  template <int C>
  RAGDRAFT_INLINE void finish(TileProducts& products, F32x16 (&sums)[R]) {
    store_tile<C>(products.dots, kTileRowBytes);
    const F32x16 scale = F32x16::load(scales);
    RAGDRAFT_UNROLL
    for (int r = 0; r < R; ++r) {
      const F32x16 dots = r % 2 == 0 ? convert_by_additions(products.dots[r]) : to_f32(I32x16::load(products.dots[r]));
      sums[r] = fma(scale * F32x16::set1(input_scales[r]), dots, sums[r]);
    }
    if constexpr (kMinimum) add_minimum<R>(F32x16::load(minus_minimums), input_sums, sums);
    scales += 16;
    minus_minimums += 16;
    if (kSteps == 1 || C == 1) {
      input_scales += R;
      input_sums += R;
    }
  }
};

// totals: [R][16], += the products of the piece's steps, an even number if a group has two.
template <bool kMinimum, int kSteps, int R>
RAGDRAFT_INLINE void add_steps(TileCursor<kMinimum, kSteps, R> cursor, int steps, float (*totals)[16]) {
  TileProducts products[2];
  F32x16 sums[R];
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) sums[r] = F32x16::load(totals[r]);
  cursor.template start<0>();
  for (; steps > 2; steps -= 2) {
    cursor.template start<1>();
    cursor.template finish<0>(products[0], sums);
    cursor.template start<0>();
    cursor.template finish<1>(products[1], sums);
  }
  if (steps == 2) cursor.template start<1>();
  cursor.template finish<0>(products[0], sums);
  if (steps == 2) cursor.template finish<1>(products[1], sums);
  RAGDRAFT_UNROLL
  for (int r = 0; r < R; ++r) store(totals[r], sums[r]);
}

// The instance for the block's rows, R .. 16. group: of the block's inputs, where the piece starts.
template <bool kMinimum, int kSteps, int R = 1>
RAGDRAFT_NOINLINE void add_piece(const ExpandedPiece& piece, int steps, const InputBlock& block, int64_t group, const Upcoming& upcoming,
                                 float (*totals)[16]) {
  if (block.rows == R) {
    const TileCursor<kMinimum, kSteps, R> cursor{block.quants + group * kGroupInputs * R,
                                                 piece.bytes[0][0],
                                                 piece.scales[0],
                                                 piece.minus_minimums[0],
                                                 block.scales + group * R,
                                                 block.scaled_sums + group * R,
                                                 upcoming};
    return add_steps(cursor, steps, totals);
  }
  if constexpr (R < kTileRows) add_piece<kMinimum, kSteps, R + 1>(piece, steps, block, group, upcoming, totals);
}

template <PackedFormat kFormat>
RAGDRAFT_INLINE Upcoming upcoming_weights(const IntegerPanel& panel, int64_t group) {
  constexpr int kSteps = kGroupSteps<kFormat>;
  const uint8_t *low = panel.low + group * kLowBytes, *high = panel.high + group * kHighBytes<kFormat>;
  return {{reinterpret_cast<const std::byte*>(low), reinterpret_cast<const std::byte*>(high)},
          {kLowBytes / kSteps, kHighBytes<kFormat> / kSteps}};
}

RAGDRAFT_INLINE Upcoming upcoming_inputs(const InputBlock& block, int64_t group, int group_steps) {
  const int64_t group_bytes = kGroupInputs * block.rows;
  const auto* quants = reinterpret_cast<const std::byte*>(block.quants + group * group_bytes);
  return {{quants, quants + group_bytes / 2}, {group_bytes / group_steps, group_bytes / group_steps}};
}

// A panel's outputs are one line a row, and rows lie far apart: written without notice they would be waited for.
RAGDRAFT_INLINE void prefetch_outputs(const InputBlock& block, int64_t panel, const LinearOutput& output) {
  const float* y = output.y + block.first_row * output.stride + panel * kPanelOutputs;
  for (int r = 0; r < block.rows; ++r) prefetch(y + r * output.stride);
}

// One panel times up to kPassBlocks blocks.
template <PackedFormat kFormat>
void multiply_panel(const PackedWeights& weights, int64_t index, const InputBlock* blocks, int count, const LinearOutput& output) {
  constexpr int kSteps = kGroupSteps<kFormat>;
  const int64_t groups = weights.columns / kGroupInputs;
  const IntegerPanel panel = integer_panel(weights, index);
  const IntegerPanel next = integer_panel(weights, index + 1 < weights.panels ? index + 1 : index);
  ExpandedPiece piece;
  alignas(64) float totals[kPassBlocks][kTileRows][16];
  for (int b = 0; b < count; ++b)
    for (int r = 0; r < blocks[b].rows; ++r) store(totals[b][r], F32x16::zero());
  for (int64_t group = 0; group < groups; group += kPieceGroups) {
    const int size = int(groups - group < kPieceGroups ? groups - group : kPieceGroups);
    expand_piece<kFormat>(panel, group, size, piece);
    for (int b = 0; b < count; ++b) {
      const Upcoming upcoming = b + 1 < count           ? upcoming_inputs(blocks[b + 1], group, kSteps)
                                : group + size < groups ? upcoming_weights<kFormat>(panel, group + size)
                                                        : upcoming_weights<kFormat>(next, 0);
      const bool last = group + size == groups;
      if (last) prefetch_outputs(blocks[b], index, output);
      add_piece<kHasMinimum<kFormat>, kSteps>(piece, size * kSteps, blocks[b], group, upcoming, totals[b]);
      for (int r = 0; last && r < blocks[b].rows; ++r) finish_row(totals[b][r], index, weights.rows, blocks[b].first_row + r, output);
    }
  }
}

// Tiles have the rows of the largest block: one that has a row less reads what lies after its quants and makes nothing of it.
template <PackedFormat kFormat>
void multiply_tiles(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count,
                    const LinearOutput& output) {
  int rows = 0;
  for (int b = 0; b < count; ++b) rows = rows > blocks[b].rows ? rows : blocks[b].rows;
  TileConfig config;
  for (int i = 0; i < 2; ++i) {
    config.shape(i, rows, kTileRowBytes);
    config.shape(2 + i, rows, kGroupInputs / kGroupSteps<kFormat>);
    config.shape(4 + i, 8 / kGroupSteps<kFormat>, kTileRowBytes);
  }
  configure_tiles(config);
  for (int b = 0; b < count; b += kPassBlocks)
    for (int64_t index = first; index < last; ++index)
      multiply_panel<kFormat>(weights, index, blocks + b, count - b < kPassBlocks ? count - b : kPassBlocks, output);
  release_tiles();
}

}  // namespace
}  // namespace ragdraft::ops
