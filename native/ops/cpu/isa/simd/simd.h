// A 16-lane vector type over every instruction set, for the kernels of this folder.
//
// Include it from isa/*.cc only. Those files are compiled once per instruction set, so everything here has internal linkage:
// a shared inline function would be merged by the linker across objects, and the AVX-512 copy might win on an AVX2 machine.
//
//   F32x16  16 floats             zero load set1 load_f16 store store_f16 store_bf16 + - * fma max min neg abs round
//                                 scale_pow2 exp select_less round_bf16 reduce_add reduce_max
//   I32x16  16 int32              zero set1 to_f32 to_i32 reduce_add dot_u8s8 dot_s8u8 dot_u7s8
//   U8x64   64 bytes = 16 x 4     zero load low4 high4 shift_right2 join_low join_high insert_bits
//   Bf16Pairs                     load; NativeBf16Pairs where the instruction set multiplies them: load dot_bf16 to_bf16_pairs store
//
// fma(a, b, c) = a * b + c, fused where the instruction set has it (all but `generic`). Loads and stores need no alignment.
// Reductions add in a fixed tree: lane i with i + 8, then + 4, + 2, + 1, on every instruction set.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER)
#define RAGDRAFT_INLINE __forceinline
#define RAGDRAFT_NOINLINE __declspec(noinline)
#else
#define RAGDRAFT_INLINE inline __attribute__((always_inline))
#define RAGDRAFT_NOINLINE __attribute__((noinline))
#endif

// RAGDRAFT_ISA=<name> comes from the build. RAGDRAFT_SYMBOL(f) = f_<name>, RAGDRAFT_ISA_TEXT = "<name>".
#define RAGDRAFT_JOIN2_(a, b) a##b
#define RAGDRAFT_JOIN_(a, b) RAGDRAFT_JOIN2_(a, b)
#define RAGDRAFT_TEXT2_(a) #a
#define RAGDRAFT_TEXT_(a) RAGDRAFT_TEXT2_(a)
#define RAGDRAFT_SYMBOL(stem) RAGDRAFT_JOIN_(stem##_, RAGDRAFT_ISA)
#define RAGDRAFT_ISA_TEXT RAGDRAFT_TEXT_(RAGDRAFT_ISA)

#define RAGDRAFT_LEVEL_generic 0
#define RAGDRAFT_LEVEL_avx2 1
#define RAGDRAFT_LEVEL_avx512 2
#define RAGDRAFT_LEVEL_avx512bf16 3
#define RAGDRAFT_LEVEL_neon 4
#define RAGDRAFT_LEVEL_amx 5
#define RAGDRAFT_LEVEL_amx_model 6
#define RAGDRAFT_ISA_LEVEL RAGDRAFT_JOIN_(RAGDRAFT_LEVEL_, RAGDRAFT_ISA)
// What levels have in common: 32 vectors of 64 bytes, products of bf16 pairs, tiles (isa/tiles.h).
#define RAGDRAFT_HAS_TILES (RAGDRAFT_ISA_LEVEL == 5 || RAGDRAFT_ISA_LEVEL == 6)
#define RAGDRAFT_HAS_BF16 (RAGDRAFT_ISA_LEVEL == 3 || RAGDRAFT_HAS_TILES)
#define RAGDRAFT_HAS_AVX512 (RAGDRAFT_ISA_LEVEL == 2 || RAGDRAFT_HAS_BF16)
// Products of bf16 without tiles: AMD's processors since Zen 4. Their prefetchers keep less of a stream on its way than Intel's.
#define RAGDRAFT_IS_ZEN (RAGDRAFT_ISA_LEVEL == 3)

// Before a loop whose trip count is a small constant: RAGDRAFT_UNROLL keeps arrays of vectors that it indexes in registers,
// RAGDRAFT_NO_UNROLL keeps the compiler from merging its rounds into one that needs more registers than there are.
#if defined(__clang__)
#define RAGDRAFT_NO_UNROLL _Pragma("nounroll")
#elif defined(__GNUC__)
#define RAGDRAFT_NO_UNROLL _Pragma("GCC unroll 1")
#else
#define RAGDRAFT_NO_UNROLL
#endif
#if RAGDRAFT_ISA_LEVEL == 0 || (!defined(__clang__) && !defined(__GNUC__))  // generic vectors are arrays in memory anyway
#define RAGDRAFT_UNROLL
#elif defined(__clang__)
#define RAGDRAFT_UNROLL _Pragma("unroll")
#else
#define RAGDRAFT_UNROLL _Pragma("GCC unroll 16")
#endif

#if RAGDRAFT_HAS_AVX512
#include "ops/cpu/isa/simd/simd_avx512.h"
#elif RAGDRAFT_ISA_LEVEL == 1
#include "ops/cpu/isa/simd/simd_avx2.h"
#elif RAGDRAFT_ISA_LEVEL == 4
#include "ops/cpu/isa/simd/simd_neon.h"
#else
#include "ops/cpu/isa/simd/simd_generic.h"
#endif

namespace ragdraft::ops {
namespace {

// exp(x), relative error below 2e-7, gradual underflow to exactly 0 (x < -104, -inf), overflow to inf (x > 88.73), NaN stays.
// x = n ln2 + r with |r| <= ln2 / 2; ln2 is split so that n * kLn2High is exact for |n| < 2^9; e^r = 1 + r + r^2 p(r) with p
// the Chebyshev interpolation of degree 4 on that interval (error 1.1e-8).
RAGDRAFT_INLINE F32x16 exp(F32x16 x) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  x = min(F32x16::set1(128.0f), max(F32x16::set1(-128.0f), x));
  const F32x16 n = round(x * F32x16::set1(kLog2E));
  const F32x16 r = fma(n, F32x16::set1(-kLn2Low), fma(n, F32x16::set1(-kLn2High), x));
  F32x16 p = F32x16::set1(1.392621314e-3f);
  p = fma(p, r, F32x16::set1(8.363203146e-3f));
  p = fma(p, r, F32x16::set1(4.166655615e-2f));
  p = fma(p, r, F32x16::set1(1.666657627e-1f));
  p = fma(p, r, F32x16::set1(0.5f));
  p = fma(p, r * r, r) + F32x16::set1(1.0f);
  return scale_pow2(p, n);
}

// Bring the 64-byte line at `address` closer. A core has few buffers for lines on their way into L1 (16 on Sapphire Rapids: 9 GB/s if
// each waits for DRAM, half of what the core can read), and many for L2. So prefetch() asks for lines that the hardware's prefetchers
// are bringing to L2 anyway, prefetch_to_l2() early for those they would not look for.
RAGDRAFT_INLINE void prefetch(const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address, 0, 3);
#elif defined(_M_X64)
  _mm_prefetch(static_cast<const char*>(address), _MM_HINT_T0);
#else
  (void)address;
#endif
}
RAGDRAFT_INLINE void prefetch_to_l2(const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address, 0, 2);
#elif defined(_M_X64)
  _mm_prefetch(static_cast<const char*>(address), _MM_HINT_T1);
#else
  (void)address;
#endif
}

}  // namespace
}  // namespace ragdraft::ops
