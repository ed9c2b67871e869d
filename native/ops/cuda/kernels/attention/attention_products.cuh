// What a warp multiplies in a step: the scores of its 16 keys, then the weighted values of its columns. All tiles of the block share
// every operand made of keys or values.
#pragma once
#include "ops/cuda/kernels/attention/attention_tiles.cuh"

namespace ragdraft::ops::cuda {

// A lane's registers, lane = 4 g + t; query g + 8 h of a tile, h = 0 or 1.
template <class Kind>
struct Scores {
  float of[Kind::kTiles][2][4];  // [tile][n][2 h + i]: key 8 n + 2 t + i of the warp's
};

// Left operand: a tile's queries, 16 places of theirs.
template <int kQueries, int kPairs>
__device__ void load_operand(const uint32_t (&pairs)[kQueries][kPairs], int tile, int first_pair, uint32_t (&a)[4]) {
  const int lane = int(threadIdx.x) % 32;
  gpu::ldmatrix_x4(a, &pairs[tile * kTileQueries + lane % 16][first_pair + lane / 16 * 4]);
}

// scores = q k
template <class Kind>
__device__ void multiply_keys(const AttentionShared<Kind>& shared, const KvUnit<Kind>& keys, Scores<Kind>& scores) {
  constexpr int kSteps = Kind::kBytes ? 2 : 1;  // of 16 dimensions, in a row's 32 bytes
  const int lane = int(threadIdx.x) % 32, key = int(threadIdx.x) / 32 * 16 + lane % 8 + lane / 16 * 8;
  RAGDRAFT_UNROLL
  for (int tile = 0; tile < Kind::kTiles; tile++)
    for (int n = 0; n < 2; n++)
      for (int e = 0; e < 4; e++) scores.of[tile][n][e] = 0;
  RAGDRAFT_UNROLL
  for (int at = 0; at < Kind::kRowBytes; at += 32) {
    uint32_t words[4];  // [n][bytes 0-15, 16-31]
    gpu::ldmatrix_x4(words, &keys.row[key][at + lane / 8 % 2 * 16]);
    RAGDRAFT_UNROLL
    for (int step = 0; step < kSteps; step++) {
      uint32_t b[2][2];
      RAGDRAFT_UNROLL
      for (int n = 0; n < 2; n++)
        for (int half = 0; half < 2; half++) {
          if constexpr (Kind::kBytes) b[n][half] = gpu::s8_to_bf16(words[2 * n + step] >> 8 * half);
          else b[n][half] = words[2 * n + half];
        }
      const int first_pair = at / 32 * 8 * kSteps + 8 * step;
      RAGDRAFT_UNROLL
      for (int tile = 0; tile < Kind::kTiles; tile++) {
        uint32_t a[4];
        load_operand(shared.queries, tile, first_pair, a);
        for (int n = 0; n < 2; n++) Kind::multiply(scores.of[tile][n], a, b[n][0], b[n][1]);
      }
    }
  }
}

// The weighted values of a lane: column c is the warp's c-th, the (c * kAttentionWarps + warp)-th of all.
template <class Kind>
struct Values {
  float of[Kind::kTiles][Kind::kOwnColumns][2][4];  // [tile][c][n][2 h + i]

  __device__ static int column(int c) { return c * kAttentionWarps + int(threadIdx.x) / 32; }
  __device__ static bool owns(int c) { return Kind::kColumns % kAttentionWarps == 0 || column(c) < Kind::kColumns; }
  // Where the lane's four values of query g + 8 h lie: [n][i] are dimensions quad_dim(0) .. quad_dim(3) of the column.
  __device__ float4 quad(int tile, int c, int h) const {
    const auto& v = of[tile][c];
    return {v[0][2 * h], v[0][2 * h + 1], v[1][2 * h], v[1][2 * h + 1]};
  }
  __device__ void set_quad(int tile, int c, int h, const float4& quad) {
    auto& v = of[tile][c];
    v[0][2 * h] = quad.x, v[0][2 * h + 1] = quad.y, v[1][2 * h] = quad.z, v[1][2 * h + 1] = quad.w;
  }
  __device__ void clear() {
    RAGDRAFT_UNROLL
    for (int tile = 0; tile < Kind::kTiles; tile++)
      RAGDRAFT_UNROLL
      for (int c = 0; c < Kind::kOwnColumns; c++)
        for (int e = 0; e < 8; e++) of[tile][c][e / 4][e % 4] = 0;
  }
};
// Of element e of a lane's four. Bytes: n = 0 are the even, n = 1 the odd dimensions.
template <class Kind>
__device__ int quad_dim(int t, int e) {
  if constexpr (Kind::kBytes) return 4 * t + e % 2 * 2 + e / 2;
  else return e / 2 * 8 + 2 * t + e % 2;
}

// values += w v
template <class Kind>
__device__ void add_values(const AttentionShared<Kind>& shared, const KvUnit<Kind>& unit, Values<Kind>& values) {
  constexpr int kSteps = Kind::kBytes ? 2 : 1;  // of 16 keys, in an ldmatrix
  const int lane = int(threadIdx.x) % 32;
  RAGDRAFT_UNROLL
  for (int key = 0; key < kPageTokens; key += 16 * kSteps) {
    uint32_t words[Kind::kOwnColumns][4] = {};
    RAGDRAFT_UNROLL
    for (int c = 0; c < Kind::kOwnColumns; c++) {
      if (!Values<Kind>::owns(c)) continue;
      const int column = Values<Kind>::column(c);
      if constexpr (Kind::kBytes) gpu::ldmatrix_x4_trans(words[c], &unit.row[key + lane][column * 16]);
      else gpu::ldmatrix_x4_trans(words[c], &unit.row[key + lane % 16][column * 32 + lane / 16 * 16]);
    }
    RAGDRAFT_UNROLL
    for (int step = 0; step < kSteps; step++) {
      uint32_t b[Kind::kOwnColumns][2][2];  // [c][n][keys 0-7, 8-15]
      RAGDRAFT_UNROLL
      for (int c = 0; c < Kind::kOwnColumns; c++)
        for (int n = 0; n < 2; n++)
          for (int half = 0; half < 2; half++) {
            if constexpr (Kind::kBytes) b[c][n][half] = gpu::s8_to_bf16(words[c][2 * step + half] >> 8 * n);
            else b[c][n][half] = words[c][2 * n + half];
          }
      RAGDRAFT_UNROLL
      for (int tile = 0; tile < Kind::kTiles; tile++) {
        uint32_t a[4];
        load_operand(shared.weights, tile, key / 2 + 8 * step, a);
        RAGDRAFT_UNROLL
        for (int c = 0; c < Kind::kOwnColumns; c++)
          if (Values<Kind>::owns(c))
            for (int n = 0; n < 2; n++) Kind::multiply(values.of[tile][c][n], a, b[c][n][0], b[c][n][1]);
      }
    }
  }
}

}  // namespace ragdraft::ops::cuda
