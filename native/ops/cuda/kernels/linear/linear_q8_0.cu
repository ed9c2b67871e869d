#include "ops/cuda/kernels/linear/linear_q8_0.cuh"

namespace ragdraft::ops::cuda {

const LinearFormat kLinearQ8_0 = byte_format<Q8_0Format, Q8_0UpperFormat>();

}  // namespace ragdraft::ops::cuda
