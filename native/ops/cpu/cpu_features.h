// What this processor and its operating system can run, as the tiers of our kernels.
#pragma once

namespace ragdraft::ops {

struct CpuFeatures {
  bool always = true;
  bool avx2 = false;        // AVX2, FMA, F16C, BMI2
  bool avx512 = false;      // the above, AVX-512 F, BW, DQ, VL, VNNI
  bool avx512bf16 = false;  // the above, AVX-512 BF16
  bool neon = false;        // armv8-a
};

CpuFeatures detect_cpu_features();

}  // namespace ragdraft::ops
