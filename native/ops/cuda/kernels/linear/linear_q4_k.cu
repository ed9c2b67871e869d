#include "ops/cuda/kernels/linear/linear_q45_k.cuh"

namespace ragdraft::ops::cuda {

const LinearFormat kLinearQ4_K = byte_format<Q4_KFormat>();

}  // namespace ragdraft::ops::cuda
