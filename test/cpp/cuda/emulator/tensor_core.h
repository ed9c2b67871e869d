// ldmatrix and mma: values move between the lanes of a warp as PTX's fragment layouts say (ops/cuda/gpu.h).
#pragma once
#include <cstdint>
#include <cstring>

#include "base/half.h"
#include "emulator/warp.h"

namespace ragdraft::emulator {

inline constexpr uint32_t kWarp = 0xffffffffu;

inline void load_tiles(uint32_t (&r)[4], const void* p, bool transposed, const char* operation) {
  if (reinterpret_cast<uintptr_t>(p) % 16 != 0) fail(std::string(operation) + ": a row is not aligned to 16 bytes");
  const Exchange rows(kWarp, operation, p);
  const unsigned g = current->lane / 4, t = current->lane % 4;
  for (unsigned tile = 0; tile < 4; tile++) {
    const auto row = [&](unsigned i) { return rows.of<const uint16_t*>(tile * 8 + i); };
    r[tile] = transposed ? uint32_t(row(2 * t)[g]) | uint32_t(row(2 * t + 1)[g]) << 16
                         : uint32_t(row(g)[2 * t]) | uint32_t(row(g)[2 * t + 1]) << 16;
  }
}

struct Fragments {
  uint32_t a[4], b[2];
};

template <float (*to_f32)(uint16_t)>
void multiply_halves(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, const char* operation) {
  const Exchange warp(kWarp, operation, Fragments{{a[0], a[1], a[2], a[3]}, {b0, b1}});
  const unsigned g = current->lane / 4, t = current->lane % 4;
  for (unsigned e = 0; e < 4; e++) {
    float sum = 0;
    for (unsigned quad = 0; quad < 4; quad++) {
      const Fragments& left = warp.of<Fragments>(g * 4 + quad);
      const Fragments& right = warp.of<Fragments>((2 * t + e % 2) * 4 + quad);
      for (unsigned half = 0; half < 2; half++) {
        const uint32_t x = left.a[2 * half + e / 2], y = right.b[half];
        sum += to_f32(uint16_t(x)) * to_f32(uint16_t(y)) + to_f32(uint16_t(x >> 16)) * to_f32(uint16_t(y >> 16));
      }
    }
    c[e] += sum;
  }
}

// kBytes: A's. Halves: 1 (k = 16) or 2 (k = 32) registers of 4 bytes a lane and row.
template <class AByte, unsigned kHalves>
void multiply_bytes(int32_t (&c)[4], const Fragments& mine, const char* operation) {
  const Exchange warp(kWarp, operation, mine);
  const unsigned g = current->lane / 4, t = current->lane % 4;
  for (unsigned e = 0; e < 4; e++)
    for (unsigned quad = 0; quad < 4; quad++)
      for (unsigned half = 0; half < kHalves; half++) {
        AByte x[4];
        int8_t y[4];
        std::memcpy(x, &warp.of<Fragments>(g * 4 + quad).a[2 * half + e / 2], 4);
        std::memcpy(y, &warp.of<Fragments>((2 * t + e % 2) * 4 + quad).b[half], 4);
        for (int i = 0; i < 4; i++) c[e] += int32_t(x[i]) * int32_t(y[i]);
      }
}

}  // namespace ragdraft::emulator

namespace ragdraft::gpu {

inline void ldmatrix_x4(uint32_t (&r)[4], const void* p) { emulator::load_tiles(r, p, false, "ldmatrix.x4"); }
inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* p) { emulator::load_tiles(r, p, true, "ldmatrix.x4.trans"); }
inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  emulator::multiply_halves<ragdraft::bf16_to_f32>(c, a, b0, b1, "mma.m16n8k16.bf16");
}
inline void mma_f16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  emulator::multiply_halves<ragdraft::f16_to_f32>(c, a, b0, b1, "mma.m16n8k16.f16");
}
inline void mma_s8(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  emulator::multiply_bytes<int8_t, 2>(c, {{a[0], a[1], a[2], a[3]}, {b0, b1}}, "mma.m16n8k32.s8");
}
inline void mma_u8s8(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  emulator::multiply_bytes<uint8_t, 2>(c, {{a[0], a[1], a[2], a[3]}, {b0, b1}}, "mma.m16n8k32.u8.s8");
}
inline void mma_s8_k16(int32_t (&c)[4], uint32_t a0, uint32_t a1, uint32_t b) {
  emulator::multiply_bytes<int8_t, 1>(c, {{a0, a1}, {b}}, "mma.m16n8k16.s8");
}
inline void mma_u8s8_k16(int32_t (&c)[4], uint32_t a0, uint32_t a1, uint32_t b) {
  emulator::multiply_bytes<uint8_t, 1>(c, {{a0, a1}, {b}}, "mma.m16n8k16.u8.s8");
}

}  // namespace ragdraft::gpu
