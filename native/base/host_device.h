// Marks functions that host and kernels share.
#pragma once

#if defined(__CUDACC__)
#define RAGDRAFT_HOST_DEVICE __host__ __device__
#else
#define RAGDRAFT_HOST_DEVICE
#endif
