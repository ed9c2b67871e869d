#include "formats/dtype.h"

#include <type_traits>

namespace ragdraft::formats {
namespace {

template <class Format>
constexpr DTypeInfo kInfo{Format::kName, Format::kBlockElements, Format::kBlockBytes};

template <class Format>
void dequantize(const uint8_t* block, int64_t columns, float* out) {
  constexpr int kStep = Format::kQuantBits == 0 ? 1 : 16;  // elements that share a scale
  for (int64_t k = 0; k < columns; k += Format::kBlockElements, block += Format::kBlockBytes) {
    for (int first = 0; first < Format::kBlockElements; first += kStep)
      for (int i = 0; i < kStep; i++) *out++ = element<Format, HostLoads>(block, first + i);
  }
}

}  // namespace

const DTypeInfo& info(DType type) noexcept {
  return visit(type, [](auto format) -> const DTypeInfo& { return kInfo<decltype(format)>; });
}

bool is_supported(uint32_t gguf_type) noexcept {
#define RAGDRAFT_X(name) || gguf_type == name::kId
  return false RAGDRAFT_FORMATS(RAGDRAFT_X);
#undef RAGDRAFT_X
}

size_t row_bytes(DType type, int64_t columns) noexcept {
  const DTypeInfo& geometry = info(type);
  return size_t(columns / geometry.block_elements) * size_t(geometry.block_bytes);
}

void dequantize_row(DType type, const std::byte* row, int64_t columns, float* out) noexcept {
  visit(type, [&](auto format) { dequantize<decltype(format)>(reinterpret_cast<const uint8_t*>(row), columns, out); });
}

DType computed_as(DType type) noexcept {
  return visit(type, [](auto format) { return DType(decltype(format)::ComputedAs::kId); });
}

void recode_row(DType type, const std::byte* row, int64_t columns, std::byte* out) noexcept {
  visit(type, [&](auto format) {
    using Format = decltype(format);
    using As = typename Format::ComputedAs;
    if constexpr (std::is_same_v<Format, As>) {
      std::memcpy(out, row, row_bytes(type, columns));
    } else {
      for (int64_t i = 0; i < columns; i += Format::kBlockElements, row += Format::kBlockBytes) {
        Format::recode(reinterpret_cast<const uint8_t*>(row), reinterpret_cast<uint8_t*>(out));
        out += Format::kBlockElements / As::kBlockElements * As::kBlockBytes;
      }
    }
  });
}

}  // namespace ragdraft::formats
