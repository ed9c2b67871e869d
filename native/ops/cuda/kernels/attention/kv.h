// Where keys and values lie on the device: as kv/layout.h says, and inside a block both K and V are [64 tokens][padded_head_dim]
// elements of the type (kQ8: signed bytes, value = scale * byte). Elements from head_dim on are zero.
#pragma once
#include <cstdint>

#include "kv/layout.h"

namespace ragdraft::ops::cuda {

// kv::KvLayout as kernels take it.
struct KvShape {
  int32_t kv_heads, head_dim, padded_head_dim;
  int64_t layer_offset;  // of the layer's first tile in a page, bytes
  int64_t tile_bytes, block_bytes, scales_offset;
};

inline KvShape kv_shape(const kv::KvLayout& layout, int layer) {
  return {layout.kv_heads,
          layout.head_dim,
          layout.padded_head_dim(),
          int64_t(layout.tile_offset(layer, 0)),
          int64_t(layout.tile_bytes()),
          int64_t(layout.block_bytes()),
          int64_t(layout.scales_offset())};
}

}  // namespace ragdraft::ops::cuda
