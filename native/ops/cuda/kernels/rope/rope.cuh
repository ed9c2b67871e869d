// A warp takes one head of one row: a query's, a key's or a value's.
#pragma once
#include "ops/cuda/kernels/quantize.cuh"
#include "ops/cuda/kernels/rope/rope.h"

namespace ragdraft::ops::cuda {

inline constexpr int kRopeWarps = 4;
inline constexpr int kMostHeadDim = 256;

struct RopeHeads {
  float value[kRopeWarps][kMostHeadDim];
};

// Grid: rows. A thread makes a pair's angle.
__global__ void rope_angles_kernel(const Pass* pass, RopeShape rope, float* angles) {
  const int row = int(blockIdx.x);
  if (row >= pass->rows) return;
  float* const cosines = angles + int64_t(row) * 2 * rope.pairs;
  for (int i = int(threadIdx.x); i < rope.pairs; i += int(blockDim.x)) {
    const double angle = double(pass->row[row].rotation) * rope.frequency[i];
    cosines[i] = float(cos(angle) * double(rope.magnitude));
    cosines[rope.pairs + i] = float(sin(angle) * double(rope.magnitude));
  }
}

// Pair (a, b) -> (a cos - b sin, a sin + b cos); dimensions after the pairs stay.
__device__ inline void rotate_head(const RopeShape& rope, const float* cosines, float* head) {
  for (int i = int(threadIdx.x) % 32; i < rope.pairs; i += 32) {
    float& a = head[rope.interleaved ? 2 * i : i];
    float& b = head[rope.interleaved ? 2 * i + 1 : i + rope.pairs];
    const float x = a, y = b, c = cosines[i], s = cosines[rope.pairs + i];
    a = x * c - y * s;
    b = x * s + y * c;
  }
}

// Where values of a byte-sized head saturate: scale * 127 must be finite whatever was rounded on the way.
inline constexpr float kLargestValue = 1e38f;

// One head of one token into its block. A NaN makes the scale, and so the whole head, NaN.
template <kv::KvType kType>
__device__ void store_head(const KvShape& kv, std::byte* block, int token, const float* head) {
  const int lane = int(threadIdx.x) % 32;
  if constexpr (kType != kv::KvType::kQ8) {
    auto* const to = reinterpret_cast<uint16_t*>(block) + token * kv.padded_head_dim;
    for (int d = lane; d < kv.head_dim; d += 32) to[d] = kType == kv::KvType::kF16 ? gpu::f32_to_f16(head[d]) : gpu::f32_to_bf16(head[d]);
  } else {
    float largest = 0;
    bool number = true;
    for (int d = lane; d < kv.head_dim; d += 32) {
      largest = fmaxf(largest, fminf(kLargestValue, fabsf(head[d])));
      number = number && head[d] == head[d];
    }
    largest = warp_max(largest);
    number = __all_sync(0xffffffffu, number);
    const bool tiny = largest < kSmallestAmplitude;
    const float inverse = tiny ? 0.0f : __fdiv_rn(127.0f, largest);
    auto* const to = reinterpret_cast<int8_t*>(block) + token * kv.padded_head_dim;
    for (int d = lane; d < kv.head_dim; d += 32) {
      const float value = fminf(kLargestValue, fmaxf(-kLargestValue, head[d]));
      to[d] = number ? int8_t(__float2int_rn(value * inverse)) : int8_t(0);
    }
    if (lane != 0) return;
    const float scale = tiny ? 0.0f : __fdiv_rn(largest, 127.0f);
    reinterpret_cast<float*>(block + kv.scales_offset)[token] = number ? scale : __uint_as_float(0x7fc00000u);
  }
}

// Grid: x = groups of kRopeWarps heads (queries, then keys, then values), y = rows.
template <kv::KvType kType>
__global__ void __launch_bounds__(kRopeWarps * 32)
    rope_append_kernel(const Pass* pass, RopeShape rope, const float* angles, KvShape kv, int heads, float* q, const float* k, const float* v) {
  RopeHeads& heads_here = gpu::shared<RopeHeads>();
  const int row = int(blockIdx.y), warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int unit = int(blockIdx.x) * kRopeWarps + warp;
  if (row >= pass->rows || unit >= heads + 2 * kv.kv_heads) return;
  const bool query = unit < heads, key = !query && unit < heads + kv.kv_heads;
  const int h = query ? unit : key ? unit - heads : unit - heads - kv.kv_heads;
  float* const head = heads_here.value[warp];
  float* const own = query ? q + (int64_t(row) * heads + h) * kv.head_dim : nullptr;
  const float* const from = query ? own : (key ? k : v) + (int64_t(row) * kv.kv_heads + h) * kv.head_dim;
  for (int d = lane; d < kv.head_dim; d += 32) head[d] = from[d];
  __syncwarp();
  if (query || key) rotate_head(rope, angles + int64_t(row) * 2 * rope.pairs, head);
  __syncwarp();
  if (query) {
    for (int d = lane; d < kv.head_dim; d += 32) own[d] = head[d];
    return;
  }
  const PassRow& place = pass->row[row];
  std::byte* const page = pass->pages[pass->span[place.span].first_page + place.position / kPageTokens];
  std::byte* const tile = page + kv.layer_offset + h * kv.tile_bytes;
  store_head<kType>(kv, key ? tile : tile + kv.block_bytes, place.position % kPageTokens, head);
}

}  // namespace ragdraft::ops::cuda
