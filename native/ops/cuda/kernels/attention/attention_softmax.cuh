// From scores to weights: the online softmax of the queries of a block. All warps keep the same maxima; sums are each lane's own until a
// split ends.
#pragma once
#include "ops/cuda/kernels/attention/attention_products.cuh"
#include "ops/cuda/kernels/attention/attention_queries.cuh"

namespace ragdraft::ops::cuda {

// [tile][h]: of query g + 8 h of the tile.
template <class Kind>
struct Softmax {
  float maximum[Kind::kTiles][2], sum[Kind::kTiles][2];

  __device__ void clear() {
    RAGDRAFT_UNROLL
    for (int tile = 0; tile < Kind::kTiles; tile++)
      for (int h = 0; h < 2; h++) maximum[tile][h] = -INFINITY, sum[tile][h] = 0;
  }
};

// What exponents are taken from. Where nothing was seen yet, -infinity minus -infinity must not become a NaN.
__device__ inline float exponent_base(float maximum) { return maximum == -INFINITY ? 0.0f : maximum; }

// Scores in powers of two. A query does not see keys after its position.
template <class Kind>
__device__ void scale_scores(const QuerySet& set, float scale, Position first_key, const KvUnit<Kind>& keys, Scores<Kind>& scores) {
  const int lane = int(threadIdx.x) % 32, own = int(threadIdx.x) / 32 * 16 + lane % 4 * 2;
  const bool masked = first_key + kPageTokens - 1 > set.position(0);
  float factor[2][2];
  for (int n = 0; n < 2; n++)
    for (int i = 0; i < 2; i++) {
      factor[n][i] = scale;
      if constexpr (Kind::kBytes) factor[n][i] *= keys.scales[0][own + 8 * n + i];
    }
  RAGDRAFT_UNROLL
  for (int tile = 0; tile < Kind::kTiles; tile++) {
    for (int n = 0; n < 2; n++)
      for (int e = 0; e < 4; e++) scores.of[tile][n][e] *= factor[n][e % 2];
    if (!masked) continue;
    for (int h = 0; h < 2; h++) {
      const int seen = set.position(tile * kTileQueries + lane / 4 + 8 * h) - first_key - own;
      for (int n = 0; n < 2; n++)
        for (int i = 0; i < 2; i++)
          if (8 * n + i > seen) scores.of[tile][n][2 * h + i] = -INFINITY;
    }
  }
}

// The maxima over the warp's keys, for the other warps.
template <class Kind>
__device__ void publish_maxima(const Scores<Kind>& scores, AttentionShared<Kind>& shared) {
  const int lane = int(threadIdx.x) % 32;
  RAGDRAFT_UNROLL
  for (int tile = 0; tile < Kind::kTiles; tile++)
    for (int h = 0; h < 2; h++) {
      const auto& s = scores.of[tile];
      float largest = fmaxf(fmaxf(s[0][2 * h], s[0][2 * h + 1]), fmaxf(s[1][2 * h], s[1][2 * h + 1]));
      for (int lanes = 1; lanes < 4; lanes *= 2) largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, lanes));
      if (lane % 4 == 0) shared.of_warp[tile * kTileQueries + lane / 4 + 8 * h][threadIdx.x / 32] = largest;
    }
}

// Weights of the warp's keys, into shared memory as left operands; bytes' weights bring their values' scales along. Sums and values so
// far are brought to the new maxima.
template <class Kind>
__device__ void make_weights(const Scores<Kind>& scores, const KvUnit<Kind>& keys, AttentionShared<Kind>& shared, Softmax<Kind>& softmax,
                             Values<Kind>& values) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, t = lane % 4;
  RAGDRAFT_UNROLL
  for (int tile = 0; tile < Kind::kTiles; tile++)
    for (int h = 0; h < 2; h++) {
      const int query = tile * kTileQueries + lane / 4 + 8 * h;
      float& maximum = softmax.maximum[tile][h];
      float& sum = softmax.sum[tile][h];
      const float4 of_warp = *reinterpret_cast<const float4*>(shared.of_warp[query]);
      const float before = maximum;
      maximum = fmaxf(fmaxf(fmaxf(of_warp.x, of_warp.y), fmaxf(of_warp.z, of_warp.w)), before);
      const float base = exponent_base(maximum), factor = gpu::exp2_fast(before - base);
      sum *= factor;
      for (int n = 0; n < 2; n++) {
        float weight[2];
        for (int i = 0; i < 2; i++) {
          const float score = scores.of[tile][n][2 * h + i];
          weight[i] = gpu::exp2_fast(score - base);
          sum += weight[i];
          if constexpr (Kind::kBytes) {
            const float scale = keys.scales[1][warp * 16 + 8 * n + 2 * t + i];
            weight[i] = score == -INFINITY ? 0.0f : weight[i] * scale;  // a scale that is no number must not reach who does not see it
          }
        }
        shared.weights[query][warp * 8 + 4 * n + t] = Kind::pack(weight[0], weight[1]);
      }
      RAGDRAFT_UNROLL
      for (int c = 0; c < Kind::kOwnColumns; c++)
        for (int n = 0; n < 2; n++)
          for (int i = 0; i < 2; i++) values.of[tile][c][n][2 * h + i] *= factor;
    }
}

// The lanes' sums become the split's, in all threads: a warp's lanes, then the warps, each in order.
template <class Kind>
__device__ void reduce_sums(AttentionShared<Kind>& shared, Softmax<Kind>& softmax) {
  const int lane = int(threadIdx.x) % 32;
  RAGDRAFT_UNROLL
  for (int tile = 0; tile < Kind::kTiles; tile++)
    for (int h = 0; h < 2; h++) {
      float sum = softmax.sum[tile][h];
      for (int lanes = 1; lanes < 4; lanes *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
      if (lane % 4 == 0) shared.of_warp[tile * kTileQueries + lane / 4 + 8 * h][threadIdx.x / 32] = sum;
    }
  __syncthreads();
  RAGDRAFT_UNROLL
  for (int tile = 0; tile < Kind::kTiles; tile++)
    for (int h = 0; h < 2; h++) {
      const float4 of_warp = *reinterpret_cast<const float4*>(shared.of_warp[tile * kTileQueries + lane / 4 + 8 * h]);
      softmax.sum[tile][h] = of_warp.x + of_warp.y + of_warp.z + of_warp.w;
    }
}

}  // namespace ragdraft::ops::cuda
