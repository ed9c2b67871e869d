// y = W x + bias, W dequantised row by row from the file's format.
#include <cstring>
#include <new>
#include <string>

#include "base/error.h"
#include "base/half.h"
#include "ops/draft_copy.h"
#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {
namespace {

constexpr int kQ8Elements = 32, kQ8Bytes = 34;  // f16 scale, 32 signed bytes

bool has_nested(formats::DType type) { return type == formats::DType::kQ8_0; }

// A row of Q8_0 blocks without the lower four bits of its quants: their mean, 7.5, stands for them.
void dequantize_upper_half(const std::byte* row, int64_t columns, float* out) {
  for (int64_t block = 0; block < columns / kQ8Elements; block++, row += kQ8Bytes) {
    uint16_t scale;
    std::memcpy(&scale, row, sizeof scale);
    for (int i = 0; i < kQ8Elements; i++) {
      const int upper = (int(int8_t(row[2 + i])) + 128) / 16;
      *out++ = f16_to_f32(scale) * (float(16 * upper - 128) + 7.5f);
    }
  }
}

// The input's rows: its values themselves, or made of them in `made`.
const float* make_rows(const LinearInput& input, int rows, int columns, std::vector<float>& made) {
  if (input.kind == LinearInput::Kind::kPlain) return input.values;
  made.resize(size_t(rows) * size_t(columns));
  if (input.kind == LinearInput::Kind::kRmsNorm) rms_norm(input.values, input.weight, input.epsilon, rows, columns, made.data());
  else swiglu(input.values, input.up, rows, columns, made.data());
  return made.data();
}

}  // namespace

RefMatrix::RefMatrix(const formats::MatrixView& source) : type_(formats::computed_as(source.type)) {
  check_blocks(source);
  rows = source.rows;
  columns = source.columns;
  bytes = size_t(rows) * formats::row_bytes(type_, columns);
  const size_t blocks = size_t(rows) * size_t(columns) / kQ8Elements;
  draft_bytes = has_nested(type_) ? blocks * (2 + kQ8Elements / 2) : bytes;  // what a product has to know, not what this one touches
  try {
    data_.resize(bytes);
    const size_t stored = formats::row_bytes(source.type, columns), kept = formats::row_bytes(type_, columns);
    for (size_t row = 0; row < size_t(rows); row++)
      formats::recode_row(source.type, source.data + row * stored, columns, data_.data() + row * kept);
  } catch (const std::bad_alloc&) {
    throw Error(Code::kOutOfMemory, "no memory for a weight matrix of " + std::to_string(bytes) + " bytes");
  }
}

void RefMatrix::add_draft_copy(const formats::MatrixView& source) {
  check(source.rows == rows && source.columns == columns && draft_copy_pays(source), Code::kInternal, "a matrix that cannot have a draft copy");
  try {
    copy_ = draft_copy_rows(source, 0, rows);
  } catch (const std::bad_alloc&) {
    throw Error(Code::kOutOfMemory, "no memory for a draft copy");
  }
  copy_bytes = draft_bytes = copy_.size();
}

void linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision) {
  std::vector<float> made;
  const float* x = make_rows(input, rows, int(tasks[0].weight->columns), made);
  std::vector<float> weights;  // one dequantised row
  for (const LinearTask& task : tasks) {
    const auto& weight = *static_cast<const RefMatrix*>(task.weight);
    const bool draft = precision == Precision::kDraft;
    const formats::MatrixView matrix = draft && weight.has_draft_copy() ? weight.draft_copy() : weight.view();
    const size_t stride = formats::row_bytes(matrix.type, matrix.columns);
    weights.resize(size_t(matrix.columns));
    for (int64_t o = 0; o < matrix.rows; o++) {
      const std::byte* row = matrix.data + size_t(o) * stride;
      if (draft && has_nested(matrix.type)) {
        dequantize_upper_half(row, matrix.columns, weights.data());
      } else {
        formats::dequantize_row(matrix.type, row, matrix.columns, weights.data());
      }
      for (int r = 0; r < rows; r++) {
        const float* in = x + size_t(r) * size_t(matrix.columns);
        float& y = task.y[size_t(r) * size_t(matrix.rows) + size_t(o)];
        double sum = task.bias ? double(task.bias[o]) : 0.0;
        for (int64_t i = 0; i < matrix.columns; i++) sum += double(weights[size_t(i)]) * in[i];
        y = float(task.accumulate ? y + sum : sum);
      }
    }
  }
}

}  // namespace ragdraft::ops::ref
