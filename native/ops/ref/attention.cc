// softmax(scale * q k) v over positions 0..own of a row's sequence: all scores first, then their maximum, then the sum.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/ref/ref.h"

namespace ragdraft::ops::ref {
namespace {

// One query against the keys 0..position of `kv_head`. scores, sum: scratch.
void attend(const kv::KvLayout& layout, int layer, int kv_head, const kv::KvSpan& span, Position position, float scale, const float* q,
            std::vector<double>& scores, std::vector<double>& sum, float* out) {
  const size_t tile = layout.tile_offset(layer, kv_head);
  scores.assign(size_t(position) + 1, 0.0);
  double maximum = -std::numeric_limits<double>::infinity();
  for (Position j = 0; j <= position; j++) {
    const std::byte* keys = span.pages[j / kPageTokens] + tile;
    double dot = 0;
    for (int d = 0; d < layout.head_dim; d++) dot += double(q[d]) * load_element(layout, keys, j % kPageTokens, d);
    scores[size_t(j)] = double(scale) * dot;
    maximum = std::max(maximum, scores[size_t(j)]);
  }
  double total = 0;
  sum.assign(size_t(layout.head_dim), 0.0);
  for (Position j = 0; j <= position; j++) {
    const std::byte* values = span.pages[j / kPageTokens] + tile + layout.block_bytes();
    const double p = std::exp(scores[size_t(j)] - maximum);
    total += p;
    for (int d = 0; d < layout.head_dim; d++) sum[size_t(d)] += p * load_element(layout, values, j % kPageTokens, d);
  }
  for (int d = 0; d < layout.head_dim; d++) out[d] = float(sum[size_t(d)] / total);
}

}  // namespace

void attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale, const float* q,
               float* out) {
  const int group = heads / layout.kv_heads;
  std::vector<double> scores, sum;
  for (const kv::KvSpan& span : spans) {
    for (int r = 0; r < span.rows; r++) {
      for (int h = 0; h < heads; h++) {
        const size_t at = ((size_t(span.first_row) + size_t(r)) * size_t(heads) + size_t(h)) * size_t(layout.head_dim);
        attend(layout, layer, h / group, span, span.first_position + r, scale, q + at, scores, sum, out + at);
      }
    }
  }
}

}  // namespace ragdraft::ops::ref
