#include "ops/cuda/kernels/linear/linear_q4_0.cuh"

namespace ragdraft::ops::cuda {

const LinearFormat kLinearQ4_0 = byte_format<Q4_0Format>();

}  // namespace ragdraft::ops::cuda
