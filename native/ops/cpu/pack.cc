#include "base/error.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/packed_matrix.h"

namespace ragdraft::ops {

std::unique_ptr<Matrix> CpuBackend::pack(const tensor::MatrixView& source) {
  const tensor::DTypeInfo& type = tensor::info(source.type);
  if (source.rows < 1 || source.columns < 1 || source.columns % type.block_elements != 0)
    throw Error(Code::kUnsupportedModel, "a " + std::string(type.name) + " matrix of " + std::to_string(source.rows) + " rows and " +
                                             std::to_string(source.columns) + " columns: columns must be a multiple of " +
                                             std::to_string(type.block_elements));
  auto matrix = std::make_unique<PackedMatrix>();
  PackedWeights& packed = matrix->packed;
  packed = plan_layout(source.type, source.rows, source.columns);
  matrix->rows = source.rows;
  matrix->columns = source.columns;
  matrix->bytes = size_t(packed.panels) * packed.panel_bytes;
  matrix->draft_bytes = size_t(packed.panels) * draft_view(packed).read_bytes;
  matrix->memory = allocate_zeroed(matrix->bytes);
  auto* data = reinterpret_cast<uint8_t*>(matrix->memory.get());
  packed.data = data;
  const auto pack_one = [&](int index, int) { pack_panel(source, packed, index, data + size_t(index) * packed.panel_bytes); };
  pool_.parallel_for(int(packed.panels), pack_one);
  return matrix;
}

}  // namespace ragdraft::ops
