// What is the same for all backends, or for those whose memory is the host's.
#include "ops/backend.h"

#include <cstring>

#include "base/error.h"

namespace ragdraft::ops {

void check_blocks(const formats::MatrixView& source) {
  const formats::DTypeInfo& type = formats::info(source.type);
  if (source.rows < 1 || source.columns < 1 || source.columns % type.block_elements != 0)
    throw Error(Code::kUnsupportedModel, "a " + std::string(type.name) + " matrix of " + std::to_string(source.rows) + " rows and " +
                                             std::to_string(source.columns) + " columns: columns must be a multiple of " +
                                             std::to_string(type.block_elements));
}

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
