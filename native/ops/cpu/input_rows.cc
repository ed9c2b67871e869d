#include "ops/cpu/input_rows.h"

namespace ragdraft::ops {

InputRows::InputRows(const LinearInput& input, int rows, int64_t columns, const ElementwiseKernels& kernels)
    : input_(input), columns_(columns), kernels_(kernels), factors_(needs_factors() ? size_t(rows) : 0) {}

void InputRows::prepare(int row) {
  factors_[size_t(row)] = kernels_.rms_factor(input_.values + row * columns_, size_t(columns_), input_.epsilon);
}

const float* InputRows::piece(int row, int64_t column, int64_t count, float* made) const {
  const float* values = input_.values + row * columns_ + column;
  switch (input_.kind) {
    case LinearInput::Kind::kPlain: return values;
    case LinearInput::Kind::kRmsNorm: kernels_.scale(values, factors_[size_t(row)], input_.weight + column, size_t(count), made); break;
    case LinearInput::Kind::kSwiGlu: kernels_.swiglu(values, input_.up + row * columns_ + column, size_t(count), made); break;
  }
  return made;
}

}  // namespace ragdraft::ops
