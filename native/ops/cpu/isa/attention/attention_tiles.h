// How a product of attention is cut into register tiles. Include from isa/attention*.h only.
//
// A product has `columns` and a member multiply_tile<R, N>(row, column): R rows times N vectors, both known to the compiler.
#pragma once
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

// How many rows and vectors are kept at once. Registers decide: 32 of 16 floats, 16 of 8, 32 of 4; the plain loops spill in any
// case, there rows share the costly conversion of f16.
#if RAGDRAFT_HAS_AVX512
constexpr int kMaxTileRows = 14;
constexpr int tile_vectors(int rows) { return rows <= 6 ? 4 : 2; }
#elif RAGDRAFT_ISA_LEVEL == 1
constexpr int kMaxTileRows = 6;
constexpr int tile_vectors(int rows) { return rows <= 2 ? 2 : 1; }
#elif RAGDRAFT_ISA_LEVEL == 4
constexpr int kMaxTileRows = 6;
constexpr int tile_vectors(int rows) { return rows <= 2 ? 2 : 1; }
#else
constexpr int kMaxTileRows = 8;
constexpr int tile_vectors(int) { return 1; }
#endif

template <int R, class Product>
void multiply_rows(const Product& p, int row) {
  constexpr int kVectors = tile_vectors(R);
  int column = 0;
  for (; column + 16 * kVectors <= p.columns; column += 16 * kVectors) p.template multiply_tile<R, kVectors>(row, column);
  if constexpr (kVectors > 1) {
    for (; column < p.columns; column += 16) p.template multiply_tile<R, 1>(row, column);
  }
}

// Calls multiply_rows<rows>, rows in [1, R].
template <int R, class Product>
void multiply_some(const Product& p, int row, int rows) {
  if constexpr (R > 1) {
    if (rows < R) return multiply_some<R - 1>(p, row, rows);
  }
  multiply_rows<R>(p, row);
}

// All rows, in the fewest tiles, which are as even as possible: a last tile of one row would waste the loaded vectors.
template <class Product>
void multiply(const Product& p, int rows) {
  const int tiles = (rows + kMaxTileRows - 1) / kMaxTileRows;
  for (int tile = 0, row = 0; tile < tiles; ++tile) {
    const int end = int(int64_t(rows) * (tile + 1) / tiles);
    multiply_some<kMaxTileRows>(p, row, end - row);
    row = end;
  }
}

}  // namespace
}  // namespace ragdraft::ops
