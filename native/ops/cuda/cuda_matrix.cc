#include "ops/cuda/cuda_matrix.h"

#include <algorithm>

namespace ragdraft::ops::cuda {

const std::byte* computed_rows(const formats::MatrixView& source, int64_t first, int64_t rows, std::vector<std::byte>& recoded) {
  const formats::DType type = formats::computed_as(source.type);
  const size_t stored = formats::row_bytes(source.type, source.columns), computed = formats::row_bytes(type, source.columns);
  const std::byte* from = source.data + size_t(first) * stored;
  if (type == source.type) return from;
  recoded.resize(size_t(rows) * computed);
  for (size_t row = 0; row < size_t(rows); row++) formats::recode_row(source.type, from + row * stored, source.columns, recoded.data() + row * computed);
  return recoded.data();
}

PackedRows pack_matrix(const OpenDevice& device, Memory& memory, formats::DType type, int64_t rows, int64_t columns,
                       const std::function<const std::byte*(int64_t first, int64_t rows)>& rows_of) {
  const PackedSize size = packed_size(device.api, type, rows, columns);
  PackedRows packed{{uint32_t(type), rows, columns, nullptr}, memory.allocate(size.bytes), size.bytes, size.draft_bytes};
  packed.shape.device_data = packed.memory.get();
  // A few MiB at a time: the device packs one run while the next one is read.
  constexpr int64_t kRunBytes = int64_t{8} << 20;
  const int64_t row_bytes = int64_t(formats::row_bytes(type, columns));
  const int64_t run = std::max<int64_t>(1, kRunBytes / row_bytes / RAGDRAFT_CUDA_PACK_ROWS) * RAGDRAFT_CUDA_PACK_ROWS;
  for (int64_t first = 0; first < rows; first += run) {
    const int64_t count = std::min(run, rows - first);
    device.call(&ragdraft_cuda_api::pack, &packed.shape, first, count, static_cast<const void*>(rows_of(first, count)));
  }
  return packed;
}

}  // namespace ragdraft::ops::cuda
