// Element index of (dimension d, token t) inside a K or V block of a page tile.
#pragma once
#include <cstddef>

#include "kv/layout.h"

namespace ragdraft::kv {

// BlockOrder::kTokens is plain: [64 tokens][head_dim]. kOperands is what the CPU kernels read:
// F16, F32: K is [head_dim][64 tokens], a vector being 16 keys of one dimension; V is [64 tokens][head_dim].
// BF16: operands of a pairwise dot product: K is [head_dim / 2][64 tokens][2], V is [64 / 2 tokens][head_dim][2].
// Q8: operands of a 4-way dot product of unsigned and signed bytes: K is [head_dim / 4][64 tokens][4], V is
// [64 / 4 tokens][head_dim][4]. Keys are the unsigned side, stored with kKeyExcess added; values are the signed one.
inline size_t k_index(const KvLayout& layout, int d, int t) {
  if (layout.order == BlockOrder::kTokens) return size_t(t) * size_t(layout.padded_head_dim()) + size_t(d);
  if (layout.type == KvType::kBF16) return (size_t(d / 2) * kPageTokens + size_t(t)) * 2 + size_t(d % 2);
  if (layout.type == KvType::kQ8) return (size_t(d / 4) * kPageTokens + size_t(t)) * 4 + size_t(d % 4);
  return size_t(d) * kPageTokens + size_t(t);
}
inline size_t v_index(const KvLayout& layout, int d, int t) {
  const auto stride = size_t(layout.padded_head_dim());
  if (layout.order == BlockOrder::kTokens) return size_t(t) * stride + size_t(d);
  if (layout.type == KvType::kBF16) return (size_t(t / 2) * stride + size_t(d)) * 2 + size_t(t % 2);
  if (layout.type == KvType::kQ8) return (size_t(t / 4) * stride + size_t(d)) * 4 + size_t(t % 4);
  return size_t(t) * stride + size_t(d);
}

}  // namespace ragdraft::kv
