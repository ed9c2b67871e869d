// out = silu(gate) * up.
#include <cmath>

#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {

void swiglu(const float* gate, const float* up, int rows, int dim, float* out) {
  const size_t count = size_t(rows) * size_t(dim);
  for (size_t i = 0; i < count; i++) out[i] = float(gate[i] / (1 + std::exp(-double(gate[i]))) * up[i]);
}

}  // namespace ragdraft::ops::ref
