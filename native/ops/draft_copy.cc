#include "ops/draft_copy.h"

#include "formats/quantize.h"

namespace ragdraft::ops {

using formats::DType;

bool draft_copy_pays(const formats::MatrixView& source) noexcept {
  const bool wide = formats::info(formats::computed_as(source.type)).block_elements == 1;
  return wide && source.columns % formats::info(DType::kQ4_0).block_elements == 0;
}

std::vector<std::byte> draft_copy_rows(const formats::MatrixView& source, int64_t first, int64_t rows) {
  const size_t stride = formats::row_bytes(source.type, source.columns), copy_stride = formats::row_bytes(DType::kQ4_0, source.columns);
  std::vector<float> row(size_t(source.columns));
  std::vector<std::byte> copy(size_t(rows) * copy_stride);
  for (int64_t i = 0; i < rows; ++i) {
    formats::dequantize_row(source.type, source.data + size_t(first + i) * stride, source.columns, row.data());
    formats::quantize_q4_0(row.data(), source.columns, copy.data() + size_t(i) * copy_stride);
  }
  return copy;
}

}  // namespace ragdraft::ops
