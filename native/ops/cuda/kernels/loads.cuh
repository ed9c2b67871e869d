// How kernels load the numbers of GGUF's blocks (formats/block.h). Rows lie as in the file, at even addresses (F32: multiples of 4).
#pragma once
#include "ops/cuda/gpu.h"
#include "formats/dtype.h"

namespace ragdraft::ops::cuda {

struct DeviceLoads {
  __device__ static float f32(const uint8_t* p) { return *reinterpret_cast<const float*>(p); }
  __device__ static float f16(const uint8_t* p) { return gpu::f16_to_f32(*reinterpret_cast<const uint16_t*>(p)); }
  __device__ static float bf16(const uint8_t* p) { return gpu::bf16_to_f32(*reinterpret_cast<const uint16_t*>(p)); }
};

}  // namespace ragdraft::ops::cuda
