// The tiles of AMX as plain code: tests of the kernels that use them run where no tiles are. For the tier `amx_model`, which only builds
// with tests have. After Intel's manual: sums of bytes are exact; of bf16, products of even and of odd k are summed apart, from 0 and in
// ascending k, each step fused and rounded to nearest even, both sums are added up, then added to C. Subnormals count as 0 on the way in
// and out.
#pragma once
#include <immintrin.h>

#include <cstring>

#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

struct TileModel {
  TileConfig config;
  alignas(64) uint8_t data[8][kTileRows][kTileRowBytes];
};
thread_local TileModel tile_model;

RAGDRAFT_INLINE void configure_tiles(const TileConfig& config) {
  tile_model.config = config;
  std::memset(tile_model.data, 0, sizeof tile_model.data);
}
// What is used without a configuration is a tile of no rows: its products are missing.
RAGDRAFT_INLINE void release_tiles() { tile_model = {}; }

template <int kTile>
RAGDRAFT_INLINE void zero_tile() {
  std::memset(tile_model.data[kTile], 0, sizeof tile_model.data[kTile]);
}
template <int kTile>
RAGDRAFT_INLINE void load_tile(const void* rows, int64_t stride) {
  zero_tile<kTile>();
  for (int r = 0; r < tile_model.config.rows[kTile]; ++r)
    std::memcpy(tile_model.data[kTile][r], static_cast<const uint8_t*>(rows) + r * stride, tile_model.config.row_bytes[kTile]);
}
template <int kTile>
RAGDRAFT_INLINE void store_tile(void* rows, int64_t stride) {
  for (int r = 0; r < tile_model.config.rows[kTile]; ++r)
    std::memcpy(static_cast<uint8_t*>(rows) + r * stride, tile_model.data[kTile][r], tile_model.config.row_bytes[kTile]);
}

// C[m][n] += sum over j < 4 of A[m][4 k + j] B[k][n][j], for every k that both tiles have.
template <class Left, class Right, int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_bytes() {
  const TileConfig& shapes = tile_model.config;
  for (int m = 0; m < shapes.rows[kC]; ++m) {
    int32_t sums[16];
    std::memcpy(sums, tile_model.data[kC][m], sizeof sums);
    for (int k = 0; k < shapes.rows[kB]; ++k) {
      for (int n = 0; n < 16; ++n)
        for (int j = 0; j < 4; ++j) sums[n] += int32_t(Left(tile_model.data[kA][m][4 * k + j])) * int32_t(Right(tile_model.data[kB][k][4 * n + j]));
    }
    std::memcpy(tile_model.data[kC][m], sums, sizeof sums);
  }
}

template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_s8() {
  multiply_bytes<int8_t, int8_t, kC, kA, kB>();
}
template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_s8u8() {
  multiply_bytes<int8_t, uint8_t, kC, kA, kB>();
}
template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_u8s8() {
  multiply_bytes<uint8_t, int8_t, kC, kA, kB>();
}

template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_bf16() {
  constexpr unsigned kSubnormalsAreZero = 0x8040;  // FTZ, DAZ
  const unsigned control = _mm_getcsr();
  _mm_setcsr(control | kSubnormalsAreZero);
  asm volatile("" : : : "memory");  // arithmetic stays between the changes of the control register
  for (int m = 0; m < tile_model.config.rows[kC]; ++m) {
    F32x16 even = F32x16::zero(), odd = F32x16::zero();
    for (int k = 0; k < tile_model.config.rows[kB]; ++k) {
      uint16_t left[2];
      std::memcpy(left, tile_model.data[kA][m] + 4 * k, sizeof left);
      const Bf16Pairs right = Bf16Pairs::load(reinterpret_cast<const uint16_t*>(tile_model.data[kB][k]));
      even = fma(as_f32(I32x16::set1(int32_t(uint32_t(left[0]) << 16))), right.first, even);
      odd = fma(as_f32(I32x16::set1(int32_t(uint32_t(left[1]) << 16))), right.second, odd);
    }
    auto* sums = reinterpret_cast<float*>(tile_model.data[kC][m]);
    store(sums, F32x16::load(sums) + (even + odd));
  }
  asm volatile("" : : : "memory");
  _mm_setcsr(control);
}

}  // namespace
}  // namespace ragdraft::ops
