// Prints the best instruction set of this CPU that there are kernels for, and those that its tier borrows from: a list of CMake's.
#include "ops/cpu/cpu_features.cc"

#include <cstdio>

int main() {
  const ragdraft::ops::CpuFeatures cpu = ragdraft::ops::detect_cpu_features();
  if (cpu.amx) std::printf("amx");
  else if (cpu.avx512bf16) std::printf(cpu.amd ? "avx512bf16" : "avx512bf16;avx512");  // ops/cpu/dispatch.cc: preferred_linear
  else if (cpu.avx512) std::printf("avx512");
  else if (cpu.avx2) std::printf("avx2");
  else if (cpu.neon) std::printf("neon");
}
