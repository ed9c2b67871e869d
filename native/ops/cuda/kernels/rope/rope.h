// Rotation of queries and keys by their positions, and storage of keys and values in the pages.
#pragma once
#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/attention/kv.h"
#include "ops/cuda/kernels/pass.h"

namespace ragdraft::ops::cuda {

// As ops::Rope. What turns is pair i of a head: (2i, 2i + 1) if interleaved, else (i, i + pairs).
struct RopeShape {
  const double* frequency;  // [pairs], in device memory
  int pairs;
  float magnitude;
  bool interleaved;
};

// Cosines, then sines, of every row's rotation times the magnitude. angles: [rows][2][pairs]. All layers of a pass share them.
// In double, as on the CPU: at position 100,000 an angle in f32 would be off by 1/256 of a radian.
void rope_angles(gpu::Stream& stream, const Pass* pass, const RopeShape& rope, int rows, float* angles);

// Rotates q in place (heads may be 0), rotates k, and stores k and v at their rows' positions. No biases: k and v have theirs.
// q: [rows, heads * head_dim]; k, v: [rows, kv_heads * head_dim]; type: kBF16, kF16 or kQ8.
void rope_append(gpu::Stream& stream, const Pass* pass, const RopeShape& rope, const float* angles, kv::KvType type, const KvShape& kv,
                 int heads, int rows, float* q, const float* k, const float* v);

}  // namespace ragdraft::ops::cuda
