// Panels of bf16 weights (packed_layout.h) times blocks of rows rounded to bf16, in tiles. Include from isa/linear.cc only.
//
// The sum of an output is one chain of tile products, 32 inputs each, in ascending k (tiles.h). One row takes it as many do: vectors,
// whose dot products round otherwise, multiply no bf16 in this tier.
#pragma once
#include "ops/cpu/isa/linear/linear_output.h"
#include "ops/cpu/isa/simd/simd.h"
#include "ops/cpu/isa/simd/tiles.h"

namespace ragdraft::ops {
namespace {

constexpr int kStepInputs = 32;        // of a tile product
constexpr int64_t kBf16PieceSteps = 16;  // 512 inputs: two panels take 32 KiB of L1, while all blocks of a pass go over them
constexpr int kBf16PassBlocks = 8;

// Sums of two panels for the blocks of a pass, between pieces.
struct alignas(64) Bf16Totals {
  float of[kBf16PassBlocks][2][kTileRows][16];
};

// A piece of neighbouring panels: steps of [16 pairs][16 outputs][2].
struct Bf16Piece {
  const uint8_t* weights;
  int64_t panel_step;  // bytes
  int64_t first_step, steps;
};

// Adds the products of P panels and B blocks: four independent chains of tiles at most, more than a product takes to come out.
// C: 0 .. 3, rows: 4, 5, weights: 6, 7.
template <int P, int B>
struct Bf16TileProduct {
  const Bf16Piece& piece;
  const InputBlock* blocks;
  float (*totals)[2][kTileRows][16];  // of the first block

  template <int p, int b>
  static constexpr bool kUsed = p < P && b < B;

  template <int p, int b>
  RAGDRAFT_INLINE void load_sums() {
    if constexpr (!kUsed<p, b>) return;
    else if (piece.first_step == 0) zero_tile<2 * p + b>();
    else load_tile<2 * p + b>(totals[b][p], kTileRowBytes);
  }
  template <int p, int b>
  RAGDRAFT_INLINE void store_sums() {
    if constexpr (kUsed<p, b>) store_tile<2 * p + b>(totals[b][p], kTileRowBytes);
  }
  template <int p, int b>
  RAGDRAFT_INLINE void add() {
    if constexpr (kUsed<p, b>) multiply_bf16<2 * p + b, 4 + b, 6 + p>();
  }
  template <int b>
  RAGDRAFT_INLINE void load_rows(int64_t step) {
    if constexpr (b < B) load_tile<4 + b>(blocks[b].halves + step * blocks[b].rows * kStepInputs, kTileRowBytes);
  }
  // fetch: the weights are read for the first time: lines some steps ahead are brought closer.
  template <int p>
  RAGDRAFT_INLINE void load_panel(int64_t step, bool fetch) {
    if constexpr (p < P) {
      constexpr int kStepBytes = kTileRows * kTileRowBytes, kAhead = 2 * kStepBytes;
      const uint8_t* from = piece.weights + p * piece.panel_step + step * kStepBytes;
      if (fetch)
        for (int line = 0; line < kStepBytes; line += 64) prefetch(from + kAhead + line);
      load_tile<6 + p>(from, kTileRowBytes);
    }
  }

  RAGDRAFT_INLINE void multiply(bool fetch) {
    load_sums<0, 0>(), load_sums<0, 1>(), load_sums<1, 0>(), load_sums<1, 1>();
    for (int64_t step = piece.first_step; step < piece.first_step + piece.steps; ++step) {
      load_rows<0>(step), load_rows<1>(step);
      load_panel<0>(step, fetch), load_panel<1>(step, fetch);
      add<0, 0>(), add<0, 1>(), add<1, 0>(), add<1, 1>();
    }
    store_sums<0, 0>(), store_sums<0, 1>(), store_sums<1, 0>(), store_sums<1, 1>();
  }
};

// P panels from `index` on times up to kBf16PassBlocks blocks.
template <int P>
void multiply_bf16_panels(const PackedWeights& weights, int64_t index, const InputBlock* blocks, int count, const LinearOutput& output) {
  Bf16Totals totals;
  const int64_t steps = padded_columns(weights.columns) / kStepInputs;
  for (int64_t step = 0; step < steps; step += kBf16PieceSteps) {
    const Bf16Piece piece{.weights = weights.data + weights.low + size_t(index) * weights.low_step,
                          .panel_step = int64_t(weights.low_step),
                          .first_step = step,
                          .steps = steps - step < kBf16PieceSteps ? steps - step : kBf16PieceSteps};
    for (int b = 0; b < count; b += 2) {
      if (b + 1 < count) Bf16TileProduct<P, 2>{piece, blocks + b, totals.of + b}.multiply(b == 0);
      else Bf16TileProduct<P, 1>{piece, blocks + b, totals.of + b}.multiply(b == 0);
    }
  }
  for (int b = 0; b < count; ++b)
    for (int r = 0; r < blocks[b].rows; ++r)
      for (int p = 0; p < P; ++p) finish_row(totals.of[b][p][r], index + p, weights.rows, blocks[b].first_row + r, output);
}

// Tiles have the rows of the largest block, as in linear_tiles.h.
void multiply_bf16_tiles(const PackedWeights& weights, int64_t first, int64_t last, const InputBlock* blocks, int count,
                         const LinearOutput& output) {
  int rows = 0;
  for (int b = 0; b < count; ++b) rows = rows > blocks[b].rows ? rows : blocks[b].rows;
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) config.shape(tile, tile < 6 ? rows : kTileRows, kTileRowBytes);
  configure_tiles(config);
  for (int b = 0; b < count; b += kBf16PassBlocks) {
    const int size = count - b < kBf16PassBlocks ? count - b : kBf16PassBlocks;
    int64_t index = first;
    for (; index + 2 <= last; index += 2) multiply_bf16_panels<2>(weights, index, blocks + b, size, output);
    if (index < last) multiply_bf16_panels<1>(weights, index, blocks + b, size, output);
  }
  release_tiles();
}

}  // namespace
}  // namespace ragdraft::ops
