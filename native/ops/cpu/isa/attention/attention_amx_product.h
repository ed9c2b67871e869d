// Both products of attention in tiles: scores = Q K and out += P V are one shape. Include from isa/attention_amx*.h only.
//
// A block of a page is a right operand as it lies: a row of it is 2 (bf16) or 4 (bytes) summed indices of every column. An element is
// one chain in ascending order of the summed index, whatever rows stand beside it in the tile.
#pragma once
#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/isa/simd/tiles.h"

namespace ragdraft::ops {
namespace {

// Tiles 0..3 are sums. The last step of a head whose dimensions are no whole number of steps takes smaller operands.
constexpr int kSumTiles = 4, kLeft = 4, kRight = 5, kLastLeft = 6, kLastRight = 7;

// How the elements of two operands are multiplied.
struct Bf16Dots {
  using Sum = float;
  template <int kSum, int kA, int kB>
  static RAGDRAFT_INLINE void multiply() {
    multiply_bf16<kSum, kA, kB>();
  }
};
struct QueryByteDots {
  using Sum = int32_t;
  template <int kSum, int kA, int kB>
  static RAGDRAFT_INLINE void multiply() {
    multiply_s8u8<kSum, kA, kB>();
  }
};
struct WeightByteDots {
  using Sum = int32_t;
  template <int kSum, int kA, int kB>
  static RAGDRAFT_INLINE void multiply() {
    multiply_u8s8<kSum, kA, kB>();
  }
};

// Lines of memory that will be read soon, fetched a few at a time between what keeps the core busy: bursts would wait for each other.
struct FetchAhead {
  const std::byte *next = nullptr, *end = nullptr;
  int stride = 0;  // bytes of a step

  RAGDRAFT_INLINE void step() {
    const std::byte* until = end - next < stride ? end : next + stride;
    for (; next < until; next += 64) prefetch_to_l2(next);
  }
};

// For left operands of `queries` rows; `depth`: 32-bit rows of a K block.
RAGDRAFT_INLINE TileConfig attention_tiles(int queries, int depth) {
  const int rows = queries < kTileRows ? queries : kTileRows, last = depth % kTileRows;
  TileConfig config;
  for (int tile = 0; tile < kSumTiles; ++tile) config.shape(tile, rows, kTileRowBytes);
  config.shape(kLeft, rows, kTileRowBytes);
  config.shape(kRight, kTileRows, kTileRowBytes);
  if (last > 0) {
    config.shape(kLastLeft, rows, last * 4);
    config.shape(kLastRight, last, kTileRowBytes);
  }
  return config;
}

// result[r, column] (+)= sum over k of left[r, k] * block[k, column] for the rows that the tiles have.
template <class Dots>
struct TileProduct {
  using Sum = typename Dots::Sum;
  const void* left;
  int64_t left_stride;  // bytes from row to row, here and below
  const std::byte* block;
  int64_t block_stride;
  int depth, columns;  // 32-bit rows of the block; a multiple of 16
  Sum* result;
  int64_t result_stride;
  bool accumulate;  // else the old result counts as 0

  FetchAhead* ahead;

  RAGDRAFT_INLINE void multiply() const {
    int column = 0;
    for (; column + 16 * kSumTiles <= columns; column += 16 * kSumTiles) multiply_columns<kSumTiles>(column);
    switch ((columns - column) / 16) {
      case 3: return multiply_columns<3>(column);
      case 2: return multiply_columns<2>(column);
      case 1: return multiply_columns<1>(column);
    }
  }

 private:
  template <int N>
  RAGDRAFT_INLINE void multiply_columns(int column) const {
    Sum* to = result + column;
    accumulate ? load_sums<N>(to) : zero_sums<N>();
    const std::byte* right = block + 4 * column;
    const std::byte* operand = static_cast<const std::byte*>(left);
    int k = 0;
    for (; k + kTileRows <= depth; k += kTileRows, operand += kTileRowBytes, right += kTileRows * block_stride) {
      load_tile<kLeft>(operand, left_stride);
      add_step<N, kLeft, kRight>(right);
    }
    if (k < depth) {
      load_tile<kLastLeft>(operand, left_stride);
      add_step<N, kLastLeft, kLastRight>(right);
    }
    store_sums<N>(to);
  }

  template <int N, int kA, int kB>
  RAGDRAFT_INLINE void add_step(const std::byte* right) const {
    if constexpr (N > 1) add_step<N - 1, kA, kB>(right);
    load_tile<kB>(right + (N - 1) * kTileRowBytes, block_stride);
    Dots::template multiply<N - 1, kA, kB>();
    ahead->step();
  }
  template <int N>
  static RAGDRAFT_INLINE void zero_sums() {
    if constexpr (N > 1) zero_sums<N - 1>();
    zero_tile<N - 1>();
  }
  template <int N>
  RAGDRAFT_INLINE void load_sums(const Sum* from) const {
    if constexpr (N > 1) load_sums<N - 1>(from);
    load_tile<N - 1>(from + (N - 1) * 16, result_stride);
  }
  template <int N>
  RAGDRAFT_INLINE void store_sums(Sum* to) const {
    if constexpr (N > 1) store_sums<N - 1>(to);
    store_tile<N - 1>(to + (N - 1) * 16, result_stride);
  }
};

}  // namespace
}  // namespace ragdraft::ops
