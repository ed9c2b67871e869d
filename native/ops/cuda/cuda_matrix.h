// Weights and token vectors in device memory.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "ops/backend.h"
#include "ops/cuda/device_memory.h"

namespace ragdraft::ops::cuda {

// Rows of one type in the layout of the kernels.
struct PackedRows {
  ragdraft_cuda_matrix shape;
  std::shared_ptr<std::byte[]> memory;
  size_t bytes, draft_bytes;  // that it holds; that a product at draft precision reads
};

// rows_of(first, rows): those rows as a file stores them; they may go at the next call. Throws kUnsupportedModel, kOutOfMemory,
// kDeviceFailed.
PackedRows pack_matrix(const OpenDevice& device, Memory& memory, formats::DType type, int64_t rows, int64_t columns,
                       const std::function<const std::byte*(int64_t first, int64_t rows)>& rows_of);

// Rows of `source` as formats::computed_as() its type: where they lie, or made in `recoded`.
const std::byte* computed_rows(const formats::MatrixView& source, int64_t first, int64_t rows, std::vector<std::byte>& recoded);

class CudaMatrix final : public Matrix {
 public:
  PackedRows packed{};
  std::optional<PackedRows> copy;  // for drafts

  // Throws kInternal for a matrix of another backend.
  static CudaMatrix& of(Matrix& matrix) {
    auto* own = dynamic_cast<CudaMatrix*>(&matrix);
    check(own != nullptr, Code::kInternal, "a matrix of another backend");
    return *own;
  }
  static const CudaMatrix& of(const Matrix& matrix) { return of(const_cast<Matrix&>(matrix)); }
};

class CudaEmbedding final : public EmbeddingTable {
 public:
  formats::DType type{};
  size_t row_bytes = 0;
  std::shared_ptr<std::byte[]> memory;

  static const CudaEmbedding& of(const EmbeddingTable& table) {
    const auto* own = dynamic_cast<const CudaEmbedding*>(&table);
    check(own != nullptr, Code::kInternal, "an embedding table of another backend");
    return *own;
  }
};

}  // namespace ragdraft::ops::cuda
