// What is the same for all backends whose memory is the host's.
#include "ops/backend.h"

#include <cstring>

namespace ragdraft::ops {

void Backend::gather(const float* x, std::span<const int> rows, int columns, float* out) {
  const size_t width = size_t(columns);
  for (const int row : rows) {
    std::memcpy(out, x + size_t(row) * width, width * sizeof(float));
    out += width;
  }
}

void Backend::logits(const Matrix& output, const LinearInput& input, int rows, Precision precision, float* logits) {
  const LinearTask task{&output, nullptr, logits};
  linear({&task, 1}, input, rows, precision);
}

}  // namespace ragdraft::ops
