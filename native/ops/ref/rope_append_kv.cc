// Rotates q and k by their positions and stores k and v in the pages.
#include <cmath>

#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {
namespace {

// Pair (a, b) turns by position * frequency: (a cos - b sin, a sin + b cos), both times magnitude.
// Elements from rotary_dim = 2 * frequency.size() on stay as they are.
void rotate(const Rope& rope, Position position, float* head) {
  const size_t pairs = rope.frequency.size();
  for (size_t i = 0; i < pairs; i++) {
    const double angle = double(position) * rope.frequency[i];
    const double c = std::cos(angle) * double(rope.magnitude), s = std::sin(angle) * double(rope.magnitude);
    float& a = head[rope.interleaved ? 2 * i : i];
    float& b = head[rope.interleaved ? 2 * i + 1 : i + pairs];
    const double x = a, y = b;
    a = float(x * c - y * s);
    b = float(x * s + y * c);
  }
}

}  // namespace

void rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const Rope& rope, int heads, float* q,
                    const float* k, const float* v) {
  const int dim = layout.head_dim;
  std::vector<float> key(static_cast<size_t>(dim));
  for (const kv::KvSpan& span : spans) {
    for (int r = 0; r < span.rows; r++) {
      const size_t row = size_t(span.first_row) + size_t(r);
      const Position position = span.first_position + r;
      std::byte* page = span.pages[position / kPageTokens];
      for (int h = 0; h < heads; h++) rotate(rope, span.skipped + position, q + (row * size_t(heads) + size_t(h)) * size_t(dim));
      for (int h = 0; h < layout.kv_heads; h++) {
        const size_t from = (row * size_t(layout.kv_heads) + size_t(h)) * size_t(dim);
        std::byte* key_block = page + layout.tile_offset(layer, h);
        std::byte* value_block = key_block + layout.block_bytes();
        key.assign(k + from, k + from + dim);
        rotate(rope, span.skipped + position, key.data());
        store_head(layout, key_block, position % kPageTokens, key.data());
        store_head(layout, value_block, position % kPageTokens, v + from);
      }
    }
  }
}

}  // namespace ragdraft::ops::ref
