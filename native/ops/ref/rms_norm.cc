// out = x / sqrt(mean(x^2) + epsilon) * weight, row by row.
#include <cmath>

#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {

void rms_norm(const float* x, const float* weight, float epsilon, int rows, int dim, float* out) {
  for (int r = 0; r < rows; r++) {
    const float* in = x + size_t(r) * size_t(dim);
    float* to = out + size_t(r) * size_t(dim);
    double sum = 0;
    for (int i = 0; i < dim; i++) sum += double(in[i]) * in[i];
    const double factor = 1 / std::sqrt(sum / dim + double(epsilon));
    for (int i = 0; i < dim; i++) to[i] = float(in[i] * factor * weight[i]);
  }
}

}  // namespace ragdraft::ops::ref
