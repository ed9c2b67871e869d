#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/packed_matrix.h"
#include "ops/draft_copy.h"

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
  matrix->bytes = packed.bytes;
  matrix->memory = allocate_zeroed(matrix->bytes);
  auto* data = reinterpret_cast<uint8_t*>(matrix->memory.get());
  packed.data = data;
  const auto pack_one = [&](int index, int) { pack_panel(source, packed, index, data); };
  pool_.parallel_for(int(packed.panels), pack_one);
  matrix->draft = draft_view(packed);
  matrix->draft_bytes = size_t(packed.panels) * matrix->draft.read_bytes;
  return matrix;
}

void CpuBackend::add_draft_copy(Matrix& matrix, const tensor::MatrixView& source) {
  auto* packed = dynamic_cast<PackedMatrix*>(&matrix);
  check(packed != nullptr && draft_copy_pays(source), Code::kInternal, "a matrix that cannot have a draft copy");
  PackedWeights copy = plan_layout(tensor::DType::kQ4_0, source.rows, source.columns);
  const size_t bytes = copy.bytes;
  std::shared_ptr<std::byte[]> memory = allocate_zeroed(bytes);
  auto* data = reinterpret_cast<uint8_t*>(memory.get());
  copy.data = data;
  pool_.parallel_for(int(copy.panels), [&](int index, int) {
    const int64_t first = int64_t(index) * kPanelOutputs, rows = std::min<int64_t>(kPanelOutputs, source.rows - first);
    const std::vector<std::byte> blocks = draft_copy_rows(source, first, rows);
    pack_panel({tensor::DType::kQ4_0, rows, source.columns, blocks.data()}, copy, 0, data + size_t(index) * copy.panel_step);
  });
  packed->draft = copy;
  packed->copy_memory = std::move(memory);
  packed->copy_bytes = packed->draft_bytes = bytes;
}

}  // namespace ragdraft::ops
