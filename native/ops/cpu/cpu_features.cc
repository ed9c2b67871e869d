#include "ops/cpu/cpu_features.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ragdraft::ops {

#if defined(__x86_64__) || defined(_M_X64)
namespace {

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, int(leaf), int(subleaf));
  r = {unsigned(out[0]), unsigned(out[1]), unsigned(out[2]), unsigned(out[3])};
#else
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}

// Which register files the operating system saves: bit 1 SSE, 2 AVX, 5-7 AVX-512, 17-18 AMX.
unsigned saved_state() {
#if defined(_MSC_VER)
  return unsigned(_xgetbv(0));
#else
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
#endif
}

bool has(unsigned value, int bit) { return (value >> bit & 1) != 0; }

// The tiles are 8 KiB of state a thread, which Linux (5.16) saves only for processes that asked. It refuses where a thread's alternate
// signal stack is too small for them.
bool tiles_permitted() {
#if defined(__x86_64__) && defined(__linux__) && defined(SYS_arch_prctl)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool permitted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return permitted;
#else
  return false;
#endif
}

}  // namespace

CpuFeatures detect_cpu_features() {
  CpuFeatures cpu;
  const Registers leaf0 = cpuid(0, 0);
  if (leaf0.eax < 7) return cpu;
  cpu.amd = leaf0.ebx == 0x68747541 /*Auth*/ && leaf0.edx == 0x69746e65 /*enti*/ && leaf0.ecx == 0x444d4163 /*cAMD*/;
  const unsigned leaf1 = cpuid(1, 0).ecx;
  if (!has(leaf1, 27)) return cpu;  // OSXSAVE: xgetbv may be executed
  const unsigned saved = saved_state();
  const Registers leaf7 = cpuid(7, 0);
  const Registers leaf7_1 = leaf7.eax >= 1 ? cpuid(7, 1) : Registers{};
  cpu.avx2 = (saved & 0x06) == 0x06 && has(leaf1, 12) /*FMA*/ && has(leaf1, 29) /*F16C*/ && has(leaf7.ebx, 5) /*AVX2*/ &&
             has(leaf7.ebx, 8) /*BMI2*/;
  cpu.avx512 = cpu.avx2 && (saved & 0xe6) == 0xe6 && has(leaf7.ebx, 16) /*F*/ && has(leaf7.ebx, 17) /*DQ*/ &&
               has(leaf7.ebx, 30) /*BW*/ && has(leaf7.ebx, 31) /*VL*/ && has(leaf7.ecx, 11) /*VNNI*/;
  cpu.avx512bf16 = cpu.avx512 && has(leaf7_1.eax, 5);
  cpu.amx = cpu.avx512bf16 && (saved & 0x60000) == 0x60000 && has(leaf7.edx, 22) /*BF16*/ && has(leaf7.edx, 24) /*TILE*/ &&
            has(leaf7.edx, 25) /*INT8*/ && tiles_permitted();
  return cpu;
}

#else

CpuFeatures detect_cpu_features() {
  CpuFeatures cpu;
#if defined(__aarch64__) || defined(_M_ARM64)
  cpu.neon = true;  // part of the base architecture
#endif
  return cpu;
}

#endif

}  // namespace ragdraft::ops
