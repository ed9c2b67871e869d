#include "peak_loops.h"

#include "ops/cpu/cpu_features.h"

#if defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>
#endif

namespace ragdraft::bench {
namespace {

#if defined(__x86_64__) && defined(__GNUC__)

// Multiply-adds that do not wait for each other: more than latency (5) * units (2).
constexpr int kChains = 12;

// Whole loops in assembler: from intrinsics compilers make register copies that cost half of what is to be measured. Registers
// 0 to 11 are the sums, 14 and 15 the operands, 13 is spare; all zero, for the values do not matter (denormals would).
#define RAGDRAFT_CHAINS(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)
#define RAGDRAFT_LOOP(name, step)                                                                                            \
  void name(long iterations) {                                                                                               \
    asm volatile("vzeroall\n1:\n\t" RAGDRAFT_CHAINS(step) "dec %0\n\tjnz 1b\n\tvzeroupper"                                   \
                 : "+r"(iterations)                                                                                          \
                 :                                                                                                           \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",    \
                   "xmm12", "xmm13", "xmm14", "xmm15");                                                                      \
  }
#define RAGDRAFT_FMA_YMM(i) "vfmadd231ps %%ymm15, %%ymm14, %%ymm" #i "\n\t"
#define RAGDRAFT_FMA_ZMM(i) "vfmadd231ps %%zmm15, %%zmm14, %%zmm" #i "\n\t"
#define RAGDRAFT_BF16_ZMM(i) "vdpbf16ps %%zmm15, %%zmm14, %%zmm" #i "\n\t"
#define RAGDRAFT_INT8_ZMM(i) "vpdpbusd %%zmm15, %%zmm14, %%zmm" #i "\n\t"
// What stands for an int8 dot product without VNNI.
#define RAGDRAFT_INT8_YMM(i) \
  "vpmaddubsw %%ymm15, %%ymm14, %%ymm13\n\tvpmaddwd %%ymm14, %%ymm13, %%ymm13\n\tvpaddd %%ymm13, %%ymm" #i ", %%ymm" #i "\n\t"

RAGDRAFT_LOOP(fma_avx2, RAGDRAFT_FMA_YMM)
RAGDRAFT_LOOP(dot_int8_avx2, RAGDRAFT_INT8_YMM)
RAGDRAFT_LOOP(fma_avx512, RAGDRAFT_FMA_ZMM)
RAGDRAFT_LOOP(dot_int8_avx512, RAGDRAFT_INT8_ZMM)
RAGDRAFT_LOOP(dot_bf16_avx512, RAGDRAFT_BF16_ZMM)

#if defined(__linux__)

// Six tiles of sums, [16][16], of tiles 6 and 7: latency (52) / cycles of a product (16), and some.
constexpr int kTileChains = 6;

struct alignas(64) TileConfig {
  unsigned char palette = 1, start_row = 0, reserved[14] = {};
  unsigned short row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  unsigned char rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#define RAGDRAFT_TILE_LOOP(name, step)                                                                                          \
  void name(long iterations) {                                                                                                   \
    const TileConfig config;                                                                                                     \
    asm volatile("ldtilecfg %1\n1:\n\t" step(0) step(1) step(2) step(3) step(4) step(5) "dec %0\n\tjnz 1b\n\ttilerelease"       \
                 : "+r"(iterations)                                                                                              \
                 : "m"(config)                                                                                                   \
                 : "cc");                                                                                                        \
  }
#define RAGDRAFT_INT8_TILE(i) "tdpbssd %%tmm7, %%tmm6, %%tmm" #i "\n\t"
#define RAGDRAFT_BF16_TILE(i) "tdpbf16ps %%tmm7, %%tmm6, %%tmm" #i "\n\t"

RAGDRAFT_TILE_LOOP(dot_int8_amx, RAGDRAFT_INT8_TILE)
RAGDRAFT_TILE_LOOP(dot_bf16_amx, RAGDRAFT_BF16_TILE)

#endif

#elif defined(__aarch64__) && defined(__GNUC__)

constexpr int kChains = 24;  // latency 4 * units 4, and some

// Empty asm statements keep the sums apart (equal ones would be computed once) and alive.
#define RAGDRAFT_LOOP(name, Vector, operand, step)                             \
  void name(long iterations) {                                                 \
    Vector sum[kChains] = {};                                                  \
    for (int i = 0; i < kChains; ++i) asm volatile("" : "+w"(sum[i]));         \
    const auto a = operand;                                                    \
    for (long k = 0; k < iterations; ++k) {                                    \
      _Pragma("GCC unroll 24") for (int i = 0; i < kChains; ++i) sum[i] = step; \
    }                                                                          \
    for (int i = 0; i < kChains; ++i) asm volatile("" : : "w"(sum[i]));        \
  }

RAGDRAFT_LOOP(fma_neon, float32x4_t, vdupq_n_f32(1.5f), vfmaq_f32(sum[i], a, a))
#if defined(__ARM_FEATURE_DOTPROD)  // the compiler's target has it: so has every machine that this program runs on
RAGDRAFT_LOOP(dot_int8_neon, int32x4_t, vdupq_n_s8(1), vdotq_s32(sum[i], a, a))
#endif

#else

constexpr int kChains = 16;

void multiply_add(long iterations) {
  volatile float opaque = 0.5f;
  const float a = opaque;
  float sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = opaque;
  for (long k = 0; k < iterations; ++k)
    for (int i = 0; i < kChains; ++i) sum[i] = sum[i] * a + a;
  for (int i = 0; i < kChains; ++i) opaque = sum[i];
}

#endif

}  // namespace

std::vector<PeakLoop> peak_loops() {
  std::vector<PeakLoop> loops;
  // lanes: results of one instruction; depth: products summed in each.
  const auto add = [&](const char* kind, const char* instruction, int lanes, int depth, void (*run)(long), int chains = kChains) {
    loops.push_back({kind, instruction, 2.0 * chains * lanes * depth, run});
  };
#if defined(__x86_64__) && defined(__GNUC__)
  const ops::CpuFeatures cpu = ops::detect_cpu_features();
  if (cpu.avx2) add("f32", "vfmadd231ps ymm", 8, 1, fma_avx2);
  if (cpu.avx2) add("int8", "vpmaddubsw, vpmaddwd, vpaddd ymm", 8, 4, dot_int8_avx2);
  if (cpu.avx512) add("f32", "vfmadd231ps zmm", 16, 1, fma_avx512);
  if (cpu.avx512) add("int8", "vpdpbusd zmm", 16, 4, dot_int8_avx512);
  if (cpu.avx512bf16) add("bf16", "vdpbf16ps zmm", 16, 2, dot_bf16_avx512);
#if defined(__linux__)
  if (cpu.amx) add("int8", "tdpbssd", 256, 64, dot_int8_amx, kTileChains);
  if (cpu.amx) add("bf16", "tdpbf16ps", 256, 32, dot_bf16_amx, kTileChains);
#endif
#elif defined(__aarch64__) && defined(__GNUC__)
  add("f32", "fmla v.4s", 4, 1, fma_neon);
#if defined(__ARM_FEATURE_DOTPROD)
  add("int8", "sdot v.4s", 4, 4, dot_int8_neon);
#endif
#else
  add("f32", "multiply and add, as compiled", 1, 1, multiply_add);
#endif
  return loops;
}

}  // namespace ragdraft::bench
