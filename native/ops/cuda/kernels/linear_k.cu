#include "ops/cuda/kernels/linear_q45_k.cuh"
#include "ops/cuda/kernels/linear_q6_k.cuh"

namespace ragdraft::ops::cuda {

const LinearFormat kLinearQ4_K = byte_format<Q4_KFormat>();
const LinearFormat kLinearQ5_K = byte_format<Q5_KFormat>();
const LinearFormat kLinearQ6_K = byte_format<Q6_KFormat>();

}  // namespace ragdraft::ops::cuda
