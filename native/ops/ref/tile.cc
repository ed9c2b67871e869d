// Elements of the reference backend's KV tiles.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {
namespace {

size_t element_offset(const kv::KvLayout& layout, int token, int dim) {
  return (size_t(token) * size_t(layout.padded_head_dim()) + size_t(dim)) * layout.element_bytes();
}

constexpr float kLargestByte = 127;
constexpr float kLargestValue = 1e38f;  // scale * 127 must be finite
// Heads that stay below this are stored as zeros: 127 / largest must be finite.
constexpr float kSmallestAmplitude = 1e-30f;

// value = scale * byte. A NaN anywhere makes the scale, and so the whole head, NaN; values saturate at +-1e38.
void store_q8(const kv::KvLayout& layout, std::byte* block, int token, const float* head) {
  float largest = 0, poison = 0;
  for (int d = 0; d < layout.head_dim; d++) {
    if (std::isnan(head[d])) poison = head[d];
    else largest = std::max(largest, std::min(kLargestValue, std::abs(head[d])));
  }
  const bool tiny = largest < kSmallestAmplitude;
  const float scale = (tiny ? 0 : largest / kLargestByte) + poison, inverse = tiny ? 0 : kLargestByte / largest;
  for (int d = 0; d < layout.head_dim; d++) {
    const float value = std::isnan(head[d]) ? 0 : std::clamp(head[d], -kLargestValue, kLargestValue);
    const auto byte = static_cast<int8_t>(std::nearbyint(value * inverse));
    std::memcpy(block + element_offset(layout, token, d), &byte, 1);
  }
  std::memcpy(block + layout.scales_offset() + size_t(token) * sizeof(float), &scale, sizeof scale);
}

}  // namespace

float load_element(const kv::KvLayout& layout, const std::byte* block, int token, int dim) {
  const std::byte* at = block + element_offset(layout, token, dim);
  if (layout.type == kv::KvType::kF32) {
    float value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  if (layout.type == kv::KvType::kQ8) {
    int8_t byte;
    float scale;
    std::memcpy(&byte, at, sizeof byte);
    std::memcpy(&scale, block + layout.scales_offset() + size_t(token) * sizeof(float), sizeof scale);
    return scale * float(byte);
  }
  uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return layout.type == kv::KvType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}

void store_head(const kv::KvLayout& layout, std::byte* block, int token, const float* head) {
  if (layout.type == kv::KvType::kQ8) return store_q8(layout, block, token, head);
  for (int d = 0; d < layout.head_dim; d++) {
    std::byte* at = block + element_offset(layout, token, d);
    if (layout.type == kv::KvType::kF32) {
      std::memcpy(at, head + d, sizeof(float));
      continue;
    }
    const uint16_t bits = layout.type == kv::KvType::kF16 ? f32_to_f16(head[d]) : f32_to_bf16(head[d]);
    std::memcpy(at, &bits, sizeof bits);
  }
}

}  // namespace ragdraft::ops::ref
