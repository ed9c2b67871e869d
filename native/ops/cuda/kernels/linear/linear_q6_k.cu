#include "ops/cuda/kernels/linear/linear_q6_k.cuh"

namespace ragdraft::ops::cuda {

const LinearFormat kLinearQ6_K = byte_format<Q6_KFormat>();

}  // namespace ragdraft::ops::cuda
