// The reference operations as free functions: scalar, f64 accumulation, one rounding to f32 at the end, no tricks. They define
// what every other backend must compute (within the tolerance of its arithmetic). Shapes: native/ops/backend.h.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "ops/backend.h"

namespace ragdraft::ops::ref {

// A matrix as its file stores it, or as formats::computed_as() says, copied; and its draft copy as Q4_0 blocks.
class RefMatrix final : public Matrix {
 public:
  // Throws kUnsupportedModel (rows of broken blocks), kOutOfMemory.
  explicit RefMatrix(const formats::MatrixView& source);
  formats::MatrixView view() const { return {type_, rows, columns, data_.data()}; }

  // Throws kOutOfMemory.
  void add_draft_copy(const formats::MatrixView& source);
  bool has_draft_copy() const { return !copy_.empty(); }
  formats::MatrixView draft_copy() const { return {formats::DType::kQ4_0, rows, columns, copy_.data()}; }

 private:
  formats::DType type_;
  std::vector<std::byte> data_, copy_;
};

void embed(const formats::MatrixView& table, std::span<const TokenId> tokens, float* out);
void linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision);
void rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const Rope& rope, int heads, float* q,
                    const float* k, const float* v);
void attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale, const float* q,
               float* out);

// The rows of a LinearInput, rounded to f32. x, out: [rows, dim].
void rms_norm(const float* x, const float* weight, float epsilon, int rows, int dim, float* out);
void swiglu(const float* gate, const float* up, int rows, int dim, float* out);

// This backend's tiles: the K block and the V block are both [kPageTokens][padded_head_dim] elements of layout.type.
// Element (token, dim) of the block that starts at `block`; and all dims of a token, head: [head_dim]. Stores round to nearest
// even, f16 saturates; kQ8 is scale * byte with scale = largest / 127.
float load_element(const kv::KvLayout& layout, const std::byte* block, int token, int dim);
void store_head(const kv::KvLayout& layout, std::byte* block, int token, const float* head);

}  // namespace ragdraft::ops::ref
