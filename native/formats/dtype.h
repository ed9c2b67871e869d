// Element types of GGUF tensors that ragdraft reads, with their block geometry (GGUF specification, ggml block structs).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "formats/all.h"

namespace ragdraft::formats {

// kF32, kQ4_K, ...: a value is GGUF's type id.
enum class DType : uint32_t {
#define RAGDRAFT_X(name) k##name = name::kId,
  RAGDRAFT_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X
};

// visitor(Format{}) with the format of `type`, for example Q4_K{}.
template <class Visitor>
decltype(auto) visit(DType type, Visitor&& visitor) {
  switch (type) {
#define RAGDRAFT_X(name) \
  case DType::k##name: return visitor(name{});
    RAGDRAFT_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X
  }
  return visitor(F32{});  // no other DType exists: is_supported() guards the border
}

struct DTypeInfo {
  std::string_view name;  // "Q4_K"
  int block_elements;     // elements of one block; a row is a whole number of blocks
  int block_bytes;
};

bool is_supported(uint32_t gguf_type) noexcept;
const DTypeInfo& info(DType type) noexcept;
// Bytes of a row of `columns` elements; columns must be a multiple of block_elements.
size_t row_bytes(DType type, int64_t columns) noexcept;
// Converts one row of `columns` elements to f32. The scalar definition of every format: oracle and embedding lookup.
void dequantize_row(DType type, const std::byte* row, int64_t columns, float* out) noexcept;

// The type that a matrix of `type` is computed as: `type` itself, or one that holds the same values.
DType computed_as(DType type) noexcept;
// Re-encodes one row of `columns` elements as computed_as(type), row_bytes(computed_as(type), columns) in `out`: the same values, bit for
// bit. A copy where the type is computed as itself.
void recode_row(DType type, const std::byte* row, int64_t columns, std::byte* out) noexcept;

// A matrix as it lies in a GGUF file: `rows` outputs of `columns` inputs, row-major, unaligned. Does not own.
struct MatrixView {
  DType type = DType::kF32;
  int64_t rows = 0, columns = 0;
  const std::byte* data = nullptr;
};

}  // namespace ragdraft::formats
