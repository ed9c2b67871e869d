// Shared memory of a block, and keys and values on their way into it.
//
// Every row ends with 16 bytes that nobody uses: then a row is an odd number of 16-byte pieces, and the eight rows that ldmatrix reads
// together lie in different banks.
#pragma once
#include "ops/cuda/kernels/attention/attention_plan.h"

namespace ragdraft::ops::cuda {

template <kv::KvType kKvType, int kHeadDim, int kMostTiles>
struct AttentionKind {
  static constexpr kv::KvType kType = kKvType;
  static constexpr int kDim = kHeadDim, kTiles = kMostTiles;
  static constexpr bool kBytes = kType == kv::KvType::kQ8;  // such keys and values become bf16 in registers
  static constexpr bool kHalf = kType == kv::KvType::kF16;
  static constexpr int kRowBytes = kDim * (kBytes ? 1 : 2), kStride = kRowBytes + 16;
  static constexpr int kUnits = kRowBytes <= 256 ? 3 : 2;  // of the ring
  static constexpr int kColumns = kDim / 16;               // of values: 16 dimensions each
  static constexpr int kOwnColumns = (kColumns + kAttentionWarps - 1) / kAttentionWarps;  // of a warp, at most

  // For operands.
  __device__ static uint32_t pack(float a, float b) { return kHalf ? gpu::pack_f16(a, b) : gpu::pack_bf16(a, b); }
  __device__ static uint32_t round_pair(float a, float b) {
    if constexpr (kHalf) return gpu::f32_to_f16(a) | uint32_t(gpu::f32_to_f16(b)) << 16;
    else return gpu::pack_bf16(a, b);
  }
  __device__ static void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    if constexpr (kHalf) gpu::mma_f16(c, a, b0, b1);
    else gpu::mma_bf16(c, a, b0, b1);
  }
};

template <bool kBytes>
struct UnitScales {};
template <>
struct alignas(16) UnitScales<true> {
  float scales[2][kPageTokens];  // of keys, of values
};
// Keys or values of a page. With the keys come the scales of both.
template <class Kind>
struct alignas(16) KvUnit : UnitScales<Kind::kBytes> {
  unsigned char row[kPageTokens][Kind::kStride];
};

template <class Kind>
struct alignas(16) AttentionShared {
  static constexpr int kQueries = Kind::kTiles * kTileQueries;

  KvUnit<Kind> unit[Kind::kUnits];
  uint32_t queries[kQueries][Kind::kDim / 2 + 4];     // pairs
  uint32_t weights[kQueries][kPageTokens / 2 + 4];    // pairs
  float of_warp[kQueries][kAttentionWarps];           // maxima of a page, sums of a split
  float2 total[kQueries];                             // maximum and sum of the splits so far
  bool last;
};

template <class Kind>
__device__ inline void copy_piece(void* to, const std::byte* from, bool valid) {
  // One tile means that nobody else reads these keys, but for rare passes.
  if constexpr (Kind::kTiles == 1) gpu::cp_async16_stream(to, from, valid);
  else gpu::cp_async16(to, from, valid);
}

// The keys (or values) of a page's first `tokens` tokens; zeros after them and after padded_head_dim.
template <class Kind>
__device__ void load_unit(const KvShape& kv, const std::byte* block, int tokens, KvUnit<Kind>& to) {
  constexpr int kPieces = Kind::kRowBytes / 16;
  const int row_bytes = kv.padded_head_dim * (Kind::kBytes ? 1 : 2);
  for (int i = int(threadIdx.x); i < kPageTokens * kPieces; i += kAttentionThreads) {
    const int token = i / kPieces, at = i % kPieces * 16;
    const bool valid = token < tokens && at < row_bytes;
    copy_piece<Kind>(&to.row[token][at], valid ? block + token * row_bytes + at : block, valid);
  }
}

// Brings the pages of a block's keys into the ring, keys and values in turn.
template <class Kind>
class PageLoader {
 public:
  // pages: the block's first; keys: how many it takes from there on.
  __device__ PageLoader(const AttentionCall& call, int kv_head, std::byte* const* pages, int keys, AttentionShared<Kind>& shared)
      : kv_(call.kv),
        tile_(call.kv.layer_offset + kv_head * call.kv.tile_bytes),
        pages_(pages),
        keys_(keys),
        shared_(shared),
        next_(pages[0]) {}

  // Starts the next unit, if there is one. Its place in the ring must be free.
  __device__ void start() {
    const int page = started_ / 2, tokens = keys_ - page * kPageTokens;
    if (tokens > 0) {
      KvUnit<Kind>& to = shared_.unit[started_ % Kind::kUnits];
      if (started_ % 2 == 0) {
        block_ = next_ + tile_;
        if (tokens > kPageTokens) next_ = pages_[page + 1];  // needed two steps from now
        load_unit<Kind>(kv_, block_, tokens, to);
        if constexpr (Kind::kBytes) load_scales(tokens, to);
      } else {
        load_unit<Kind>(kv_, block_ + kv_.block_bytes, tokens, to);
      }
    }
    gpu::cp_async_commit();
    started_++;
  }
  // The oldest unit that nobody waited for: it is there, for all threads, and everyone is done with the unit before it.
  __device__ const KvUnit<Kind>& wait() {
    gpu::cp_async_wait<Kind::kUnits - 2>();
    __syncthreads();
    return shared_.unit[waited_++ % Kind::kUnits];
  }
  // Nothing is under way any more.
  __device__ void finish() { gpu::cp_async_wait<0>(); }

 private:
  __device__ void load_scales(int tokens, KvUnit<Kind>& to) {
    constexpr int kPieces = kPageTokens / 4;
    const int i = int(threadIdx.x);
    if (i >= 2 * kPieces) return;
    const int half = i / kPieces, token = i % kPieces * 4;
    const std::byte* const from = block_ + half * kv_.block_bytes + kv_.scales_offset + token * int(sizeof(float));
    copy_piece<Kind>(&to.scales[half][token], from, token < tokens);
  }

  const KvShape& kv_;
  const int64_t tile_;
  std::byte* const* const pages_;
  const int keys_;
  AttentionShared<Kind>& shared_;
  const std::byte* next_;
  const std::byte* block_ = nullptr;
  int started_ = 0, waited_ = 0;
};

}  // namespace ragdraft::ops::cuda
