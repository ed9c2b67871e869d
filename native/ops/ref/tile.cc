// Elements of the reference backend's KV tiles.
#include <cstring>

#include "base/half.h"
#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {
namespace {

size_t element_offset(const kv::KvLayout& layout, int token, int dim) {
  return (size_t(token) * size_t(layout.padded_head_dim()) + size_t(dim)) * layout.element_bytes();
}

}  // namespace

float load_element(const kv::KvLayout& layout, const std::byte* block, int token, int dim) {
  const std::byte* at = block + element_offset(layout, token, dim);
  if (layout.type == kv::KvType::kF32) {
    float value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return layout.type == kv::KvType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}

void store_element(const kv::KvLayout& layout, std::byte* block, int token, int dim, float value) {
  std::byte* at = block + element_offset(layout, token, dim);
  if (layout.type == kv::KvType::kF32) {
    std::memcpy(at, &value, sizeof value);
    return;
  }
  const uint16_t bits = layout.type == kv::KvType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
  std::memcpy(at, &bits, sizeof bits);
}

}  // namespace ragdraft::ops::ref
