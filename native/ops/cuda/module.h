/* C ABI between the addon and the separately loaded CUDA module. For now: device discovery. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define RAGDRAFT_CUDA_ABI 1
typedef struct ragdraft_cuda_api {
  uint32_t abi;      /* RAGDRAFT_CUDA_ABI */
  uint32_t size;     /* sizeof(ragdraft_cuda_api) */
  const char* archs; /* the real and virtual architectures it was compiled for */
  int (*device_count)(char* err, size_t errlen); /* < 0: the error's text is in err */
} ragdraft_cuda_api;
typedef const ragdraft_cuda_api* (*ragdraft_cuda_get_api_fn)(uint32_t abi);
#ifdef __cplusplus
}
#endif
