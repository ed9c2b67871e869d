// Rotation of queries and keys, and storage of keys and values in the pages.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kv/tile_index.h"
#include "ops/cpu/cpu_backend.h"

namespace ragdraft::ops {
namespace {

// Batches of fewer floats than this are not worth waking a thread.
constexpr size_t kSerialFloats = size_t(1) << 16;

// Pair (a, b) -> (a cos - b sin, a sin + b cos); dimensions after the pairs stay.
void rotate(float* head, const float* cosines, const float* sines, size_t pairs, bool interleaved) {
  if (interleaved) {
    for (size_t i = 0; i < pairs; i++) {
      const float a = head[2 * i], b = head[2 * i + 1];
      head[2 * i] = a * cosines[i] - b * sines[i];
      head[2 * i + 1] = a * sines[i] + b * cosines[i];
    }
  } else {
    for (size_t i = 0; i < pairs; i++) {
      const float a = head[i], b = head[i + pairs];
      head[i] = a * cosines[i] - b * sines[i];
      head[i + pairs] = a * sines[i] + b * cosines[i];
    }
  }
}

// Rows of a span that lie in one page: no two parts touch the same cache line of a page.
struct PagePart {
  const kv::KvSpan* span;
  int first_row, rows;  // within the span
};

std::vector<PagePart> split_by_page(std::span<const kv::KvSpan> spans) {
  std::vector<PagePart> parts;
  for (const kv::KvSpan& span : spans) {
    for (int row = 0; row < span.rows;) {
      const int left_in_page = kPageTokens - (span.first_position + row) % kPageTokens;
      const int rows = std::min(span.rows - row, left_in_page);
      parts.push_back({&span, row, rows});
      row += rows;
    }
  }
  return parts;
}

template <class Element>
void store_token(const kv::KvLayout& layout, std::byte* tile, int token, const Element* key, const Element* value) {
  auto* keys = reinterpret_cast<Element*>(tile);
  auto* values = reinterpret_cast<Element*>(tile + layout.block_bytes());
  for (int d = 0; d < layout.head_dim; d++) keys[kv::k_index(layout, d, token)] = key[d];
  for (int d = 0; d < layout.head_dim; d++) values[kv::v_index(layout, d, token)] = value[d];
}

// One head as bytes of a kQ8 block; `excess` is added to each.
template <class Index>
void store_bytes(const kv::KvLayout& layout, std::byte* block, int token, const int8_t* bytes, int excess, float scale, Index index) {
  for (int d = 0; d < layout.head_dim; d++) block[index(layout, d, token)] = std::byte(uint8_t(bytes[d] + excess));
  std::memcpy(block + layout.scales_offset() + size_t(token) * sizeof(float), &scale, sizeof scale);
}

struct AppendCall {
  const ElementwiseKernels& kernels;
  const kv::KvLayout& layout;
  int layer, heads;
  const RopeTable& table;
  bool interleaved;
  float* q;
  const float* k;
  const float* v;

  void append(const PagePart& part) const {
    const auto dim = size_t(layout.head_dim);
    for (int r = part.first_row; r < part.first_row + part.rows; r++) {
      const auto row = size_t(part.span->first_row + r);
      const Position position = part.span->first_position + r;
      for (size_t h = 0; h < size_t(heads); h++) rotate_head(row, q + (row * size_t(heads) + h) * dim);
      for (int h = 0; h < layout.kv_heads; h++) {
        const size_t from = (row * size_t(layout.kv_heads) + size_t(h)) * dim;
        float key[kMaxHeadDim];
        std::memcpy(key, k + from, dim * sizeof(float));
        rotate_head(row, key);
        store(part.span->pages[position / kPageTokens] + layout.tile_offset(layer, h), position % kPageTokens, key, v + from);
      }
    }
  }

 private:
  void rotate_head(size_t row, float* head) const {
    rotate(head, table.cosines(row), table.sines(row), table.pairs(), interleaved);
  }

  void store(std::byte* tile, int token, const float* key, const float* value) const {
    if (layout.type == kv::KvType::kF32) return store_token(layout, tile, token, key, value);
    if (layout.type == kv::KvType::kQ8) return store_q8(tile, token, key, value);
    const auto convert = layout.type == kv::KvType::kF16 ? kernels.to_f16 : kernels.to_bf16;
    uint16_t keys[kMaxHeadDim], values[kMaxHeadDim];
    convert(key, size_t(layout.head_dim), keys);
    convert(value, size_t(layout.head_dim), values);
    store_token(layout, tile, token, keys, values);
  }

  void store_q8(std::byte* tile, int token, const float* key, const float* value) const {
    int8_t bytes[kMaxHeadDim];
    const float key_scale = kernels.to_q8(key, size_t(layout.head_dim), bytes);
    store_bytes(layout, tile, token, bytes, kv::kKeyExcess, key_scale, kv::k_index);
    const float value_scale = kernels.to_q8(value, size_t(layout.head_dim), bytes);
    store_bytes(layout, tile + layout.block_bytes(), token, bytes, 0, value_scale, kv::v_index);
  }
};

}  // namespace

void CpuBackend::rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const Rope& rope, int heads,
                                float* q, const float* k, const float* v) {
  check(layout.head_dim <= kMaxHeadDim && rope.frequency.size() * 2 <= size_t(layout.head_dim), Code::kInvalidArgument,
        "a head must have at most 256 dimensions, and no fewer than are rotated");
  rope_table_.prepare(spans, rope);
  const AppendCall call{kernels_.elementwise, layout, layer, heads, rope_table_, rope.interleaved, q, k, v};
  const std::vector<PagePart> parts = split_by_page(spans);
  size_t rows = 0;
  for (const PagePart& part : parts) rows += size_t(part.rows);
  if (rows * size_t(heads + 2 * layout.kv_heads) * size_t(layout.head_dim) <= kSerialFloats) {
    for (const PagePart& part : parts) call.append(part);
  } else {
    pool_.parallel_for(int(parts.size()), [&](int index, int) { call.append(parts[size_t(index)]); });
  }
}

}  // namespace ragdraft::ops
