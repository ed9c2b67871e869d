// The tile registers of AMX: eight of up to 16 rows of up to 64 bytes, shaped by a configuration that each thread loads and releases.
// Include from isa/*.cc only, where RAGDRAFT_HAS_TILES.
//
// A product  C += A B  has C: [m][16] i32 or f32, A: [m][k], B: [k / 4][16][4] bytes or [k / 2][16][2] bf16: B is what the panels of
// packed_layout.h and the tiles of kv/tile_index.h hold. Sums of bytes are exact. Of bf16 a sum takes one fused step for even and one
// for odd k of every pair, subnormals count as 0; rounding is to nearest even.
//
// Assembler instead of intrinsics: GCC's do not tell the compiler that a tile is loaded from memory, which may then not be written yet.
#pragma once
#include "ops/cpu/isa/simd/simd.h"

namespace ragdraft::ops {
namespace {

constexpr int kTileRows = 16, kTileRowBytes = 64;

// Tile i has rows[i] rows of row_bytes[i] bytes; tiles without rows cannot be used.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
  RAGDRAFT_INLINE void shape(int tile, int tile_rows, int bytes) {
    rows[tile] = uint8_t(tile_rows);
    row_bytes[tile] = uint16_t(bytes);
  }
};

}  // namespace
}  // namespace ragdraft::ops

#if RAGDRAFT_ISA_LEVEL == 6
#include "ops/cpu/isa/simd/tile_model.h"
#else

namespace ragdraft::ops {
namespace {

// All tiles are 0 afterwards. A context switch saves and restores 8 KiB until the release.
RAGDRAFT_INLINE void configure_tiles(const TileConfig& config) { asm volatile("ldtilecfg %0" : : "m"(config) : "memory"); }
RAGDRAFT_INLINE void release_tiles() { asm volatile("tilerelease" : : : "memory"); }

template <int kTile>
RAGDRAFT_INLINE void zero_tile() {
  asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
}
// Rows lie `stride` bytes apart.
template <int kTile>
RAGDRAFT_INLINE void load_tile(const void* rows, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(rows), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
RAGDRAFT_INLINE void store_tile(void* rows, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(rows), "r"(stride), "i"(kTile) : "memory");
}

// C += A B of signed bytes.
template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_s8() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
}
// C += A B of bytes, those of A signed, those of B unsigned; and the other way round.
template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_s8u8() {
  asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
}
template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_u8s8() {
  asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
}
// C += A B of bf16 pairs.
template <int kC, int kA, int kB>
RAGDRAFT_INLINE void multiply_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
}

}  // namespace
}  // namespace ragdraft::ops

#endif
