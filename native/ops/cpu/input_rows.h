// The rows of a LinearInput, made piece by piece where they are converted: what a norm or an activation makes of a piece is read
// while it is in L1.
#pragma once
#include <vector>

#include "ops/backend.h"
#include "ops/cpu/elementwise_kernels.h"

namespace ragdraft::ops {

class InputRows {
 public:
  InputRows(const LinearInput& input, int rows, int64_t columns, const ElementwiseKernels& kernels);

  // The values as they lie in memory, [rows, columns], are the rows.
  bool in_memory() const { return input_.kind == LinearInput::Kind::kPlain; }
  const float* memory() const { return input_.values; }

  // A norm's factor depends on a whole row: prepare(row) comes before its first piece. Rows may be prepared by different threads.
  bool needs_factors() const { return input_.kind == LinearInput::Kind::kRmsNorm; }
  void prepare(int row);

  // x[row, column .. column + count): where it lies, or made in `made`, [count]. A row has the same values however it is divided.
  const float* piece(int row, int64_t column, int64_t count, float* made) const;

 private:
  const LinearInput input_;
  const int64_t columns_;
  const ElementwiseKernels& kernels_;
  std::vector<float> factors_;  // [rows] if needs_factors()
};

}  // namespace ragdraft::ops
