// A table of token vectors read where it lies: in the file's mapping.
#pragma once
#include <memory>

#include "base/error.h"
#include "ops/backend.h"

namespace ragdraft::ops {

class MappedEmbedding final : public EmbeddingTable {
 public:
  explicit MappedEmbedding(const formats::MatrixView& source) : view(source) {
    rows = source.rows;
    columns = source.columns;
  }
  const formats::MatrixView view;

  // Throws kInternal for a table of another backend.
  static const formats::MatrixView& view_of(const EmbeddingTable& table) {
    const auto* mapped = dynamic_cast<const MappedEmbedding*>(&table);
    check(mapped != nullptr, Code::kInternal, "an embedding table of another backend");
    return mapped->view;
  }
};

}  // namespace ragdraft::ops
