#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/packed_matrix.h"
#include "ops/draft_copy.h"

namespace ragdraft::ops {
namespace {

// A matrix of this type and shape, but for its bytes.
std::unique_ptr<PackedMatrix> plan_matrix(formats::DType type, int64_t rows, int64_t columns) {
  auto matrix = std::make_unique<PackedMatrix>();
  matrix->packed = plan_layout(type, rows, columns);
  matrix->rows = rows;
  matrix->columns = columns;
  matrix->bytes = matrix->packed.bytes;
  return matrix;
}

void give_bytes(PackedMatrix& matrix, const std::byte* data, std::shared_ptr<const void> owner) {
  matrix.packed.data = reinterpret_cast<const uint8_t*>(data);
  matrix.image = {data, matrix.bytes};
  matrix.memory = std::move(owner);
  matrix.draft = draft_view(matrix.packed);
  matrix.draft_bytes = size_t(matrix.packed.panels) * matrix.draft.read_bytes;
}

}  // namespace

std::unique_ptr<Matrix> CpuBackend::pack(const formats::MatrixView& source) {
  check_blocks(source);
  std::unique_ptr<PackedMatrix> matrix = plan_matrix(source.type, source.rows, source.columns);
  const PackedWeights& layout = matrix->packed;
  const std::shared_ptr<std::byte[]> memory = allocate_zeroed(matrix->bytes);
  auto* data = reinterpret_cast<uint8_t*>(memory.get());
  pool_.parallel_for(int(layout.panels), [&](int index, int) { pack_panel(source, layout, index, data); });
  give_bytes(*matrix, memory.get(), memory);
  return matrix;
}

std::string CpuBackend::packed_layout(formats::DType type) const {
  return "cpu-" + std::to_string(kPackedLayoutVersion) + "-" + std::to_string(int(plan_layout(type, 0, 0).format));
}

std::unique_ptr<Matrix> CpuBackend::adopt(const formats::MatrixView& source, std::span<const std::byte> image, std::shared_ptr<const void> owner) {
  std::unique_ptr<PackedMatrix> matrix = plan_matrix(source.type, source.rows, source.columns);
  if (image.size() != matrix->bytes || reinterpret_cast<uintptr_t>(image.data()) % 64 != 0) return nullptr;
  give_bytes(*matrix, image.data(), std::move(owner));
  return matrix;
}

void CpuBackend::add_draft_copy(Matrix& matrix, const formats::MatrixView& source) {
  auto* packed = dynamic_cast<PackedMatrix*>(&matrix);
  check(packed != nullptr && draft_copy_pays(source), Code::kInternal, "a matrix that cannot have a draft copy");
  PackedWeights copy = plan_layout(formats::DType::kQ4_0, source.rows, source.columns);
  const size_t bytes = copy.bytes;
  std::shared_ptr<std::byte[]> memory = allocate_zeroed(bytes);
  auto* data = reinterpret_cast<uint8_t*>(memory.get());
  copy.data = data;
  pool_.parallel_for(int(copy.panels), [&](int index, int) {
    const int64_t first = int64_t(index) * kPanelOutputs, rows = std::min<int64_t>(kPanelOutputs, source.rows - first);
    const std::vector<std::byte> blocks = draft_copy_rows(source, first, rows);
    pack_panel({formats::DType::kQ4_0, rows, source.columns, blocks.data()}, copy, 0, data + size_t(index) * copy.panel_step);
  });
  packed->draft = copy;
  packed->copy_memory = std::move(memory);
  packed->copy_bytes = packed->draft_bytes = bytes;
}

}  // namespace ragdraft::ops
