// What this processor and its operating system can run, as the tiers of our kernels.
#pragma once

namespace ragdraft::ops {

struct CpuFeatures {
  bool always = true;
  bool avx2 = false;        // AVX2, FMA, F16C, BMI2
  bool avx512 = false;      // the above, AVX-512 F, BW, DQ, VL, VNNI
  bool avx512bf16 = false;  // the above, AVX-512 BF16
  bool amx = false;         // the above, AMX TILE, INT8, BF16; the kernel lets this process use tiles
  bool amd = false;         // the processor is AMD's
  bool neon = false;        // armv8-a
};

// Where the processor has AMX, the first call asks the kernel for its tiles: for the whole process, for good.
CpuFeatures detect_cpu_features();

}  // namespace ragdraft::ops
