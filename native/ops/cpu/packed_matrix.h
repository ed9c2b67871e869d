// A weight matrix in the layout of packed_layout.h, with its memory and, where it has one, its draft copy in the same layout.
#pragma once
#include <cstddef>
#include <memory>

#include "ops/backend.h"
#include "ops/cpu/packed_layout.h"

namespace ragdraft::ops {

class PackedMatrix final : public Matrix {
 public:
  PackedWeights packed{};
  PackedWeights draft{};                             // what a product at kDraft reads: draft_view(packed), or the copy
  std::shared_ptr<const void> memory, copy_memory;   // what packed.data and, of a copy, draft.data point into
};

// Where the planes of a matrix of this type and size lie; data is nullptr.
PackedWeights plan_layout(formats::DType type, int64_t rows, int64_t columns);

// The matrix as a product at Precision::kDraft reads it without a copy.
PackedWeights draft_view(PackedWeights weights);

// Fills panel `index` of the matrix at `data`, zeroed memory, from the rows of `source`.
void pack_panel(const formats::MatrixView& source, const PackedWeights& layout, int64_t index, uint8_t* data);

}  // namespace ragdraft::ops
