#include "ops/cuda/kernels/linear/linear_q45_k.cuh"

namespace ragdraft::ops::cuda {

const LinearFormat kLinearQ5_K = byte_format<Q5_KFormat>();

}  // namespace ragdraft::ops::cuda
