// How keys and values lie in a KV page. A page holds kPageTokens tokens of all layers:
//   page = [layer][kv_head] tiles; tile = K block, then V block (each page_block_bytes() long).
// The inside of a block belongs to the backend that writes and reads it (native dot-product operands).
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace ragdraft::kv {

// Number type of keys and values. kQ8: value = scale * byte, with one scale per token and kv head.
enum class KvType : uint8_t { kF16, kBF16, kF32, kQ8 };
inline constexpr int kKeyExcess = 128;  // is added to the bytes of kQ8 keys in kOperands order, see tile_index.h

// The order of the elements of a block, see tile_index.h. kTokens: both K and V are [kPageTokens][padded_head_dim]. kOperands: the order
// in which the CPU's dot products read them.
enum class BlockOrder : uint8_t { kTokens, kOperands };

struct KvLayout {
  int layers = 0, kv_heads = 0, head_dim = 0;
  KvType type = KvType::kF16;
  BlockOrder order = BlockOrder::kOperands;  // ops::Backend::block_order()

  int padded_head_dim() const { return (head_dim + 15) / 16 * 16; }  // whole 16-lane vectors
  size_t element_bytes() const { return type == KvType::kF32 ? 4 : type == KvType::kQ8 ? 1 : 2; }
  // kQ8: the block's f32 scales [kPageTokens] follow its elements, from this offset on.
  size_t scales_offset() const { return size_t(padded_head_dim()) * kPageTokens * element_bytes(); }
  size_t block_bytes() const { return scales_offset() + (type == KvType::kQ8 ? kPageTokens * sizeof(float) : 0); }
  size_t tile_bytes() const { return 2 * block_bytes(); }
  size_t page_bytes() const { return size_t(layers) * size_t(kv_heads) * tile_bytes(); }
  size_t tile_offset(int layer, int kv_head) const { return (size_t(layer) * size_t(kv_heads) + size_t(kv_head)) * tile_bytes(); }
};

// Consecutive rows of one sequence within a batch, as kernels get them. It owns nothing.
struct KvSpan {
  std::byte* const* pages;  // page i holds positions [64 i, 64 i + 64); there are enough for first_position + rows
  int first_row;            // index in the batch
  int rows;
  Position first_position;  // of the first row; row r has position first_position + r
  Position skipped = 0;     // tokens of the sequence that `pages` leaves out; row r is rotated by first_position + r + skipped
};

}  // namespace ragdraft::kv
