// The CUDA module's one exported symbol. Kernels join it here as the backend grows.
#include "ops/cuda/module.h"

#include <cstdio>

#include "ops/cuda/gpu.h"

#if defined(_WIN32)
#define RAGDRAFT_EXPORT extern "C" __declspec(dllexport)
#else
#define RAGDRAFT_EXPORT extern "C" __attribute__((visibility("default")))
#endif
#ifndef RAGDRAFT_CUDA_ARCHS
#define RAGDRAFT_CUDA_ARCHS "?"
#endif

static int device_count(char* err, size_t errlen) {
  try {
    return ragdraft::gpu::device_count();
  } catch (const std::exception& e) {
    snprintf(err, errlen, "%s", e.what());
    return -1;
  }
}

static const ragdraft_cuda_api api = {RAGDRAFT_CUDA_ABI, sizeof(ragdraft_cuda_api), RAGDRAFT_CUDA_ARCHS, device_count};

RAGDRAFT_EXPORT const ragdraft_cuda_api* ragdraft_cuda_get_api(uint32_t abi) { return abi == RAGDRAFT_CUDA_ABI ? &api : nullptr; }
