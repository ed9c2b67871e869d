// Random models of the Llama family, small enough for the scalar oracle and the emulated device, from a GGUF file in memory.
#pragma once
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gguf_builder.h"
#include "model/load.h"
#include "random_matrix.h"

namespace testing {

struct TinyShape {
  const char* architecture = "llama";
  DType type = DType::kQ8_0;  // of all matrices, the embedding included
  int layers = 2, embedding = 64, heads = 4, kv_heads = 2, head_dim = 32, feed_forward = 96, vocab = 80;
  bool tied = false;    // the embedding is the output matrix
  bool fused = false;   // attn_qkv holds the matrices of q, k and v, ffn_up those of gate and up: no architecture's plan says so
  bool biased = false;  // every product of a layer has its bias, "attn_q.bias", ...: only Qwen2's plan names those of q, k and v
  uint32_t seed = 1;
};

class TinyModel {
 public:
  explicit TinyModel(const TinyShape& shape) : shape_(shape), bytes_(build(shape)), file_(ragdraft::io::GgufFile::parse(bytes_.data(), bytes_.size())) {}

  std::shared_ptr<ragdraft::model::Transformer> load(std::shared_ptr<ragdraft::ops::Backend> backend,
                                                     const ragdraft::model::LoadOptions& options = {}) const {
    return load(config(), std::move(backend), options);
  }
  // config: of this file, its plan perhaps another one.
  std::shared_ptr<ragdraft::model::Transformer> load(const ragdraft::model::Config& config, std::shared_ptr<ragdraft::ops::Backend> backend,
                                                     const ragdraft::model::LoadOptions& options = {}) const {
    ragdraft::model::WeightsLoader loader(file_, config, *backend, options);
    while (!loader.done()) loader.step();
    return std::make_shared<ragdraft::model::Transformer>(file_, config, loader.take(), std::move(backend));
  }
  ragdraft::model::Config config() const { return ragdraft::model::read_config(*file_); }
  // What loading it for so many tokens of context takes.
  ragdraft::ops::Demand demand(ragdraft::ops::Backend& backend, int tokens, const ragdraft::model::LoadOptions& options = {}) const {
    return ragdraft::model::demand_of(ragdraft::model::WeightsLoader(file_, config(), backend, options), config(), backend, tokens);
  }
  std::vector<ragdraft::TokenId> random_tokens(int count, uint32_t seed) const {
    std::mt19937 random(seeded(seed));
    std::vector<ragdraft::TokenId> tokens(static_cast<size_t>(count));
    for (auto& token : tokens) token = ragdraft::TokenId(random() % uint32_t(shape_.vocab));
    return tokens;
  }

 private:
  static gguf_test::Bytes build(const TinyShape& s) {
    gguf_test::Builder builder;
    const std::string key = std::string(s.architecture) + ".";
    builder.string("general.architecture", s.architecture).u32(key + "block_count", uint32_t(s.layers));
    builder.u32(key + "embedding_length", uint32_t(s.embedding)).u32(key + "feed_forward_length", uint32_t(s.feed_forward));
    builder.u32(key + "attention.head_count", uint32_t(s.heads)).u32(key + "attention.head_count_kv", uint32_t(s.kv_heads));
    builder.u32(key + "attention.key_length", uint32_t(s.head_dim)).u32(key + "attention.value_length", uint32_t(s.head_dim));
    builder.u32(key + "rope.dimension_count", uint32_t(s.head_dim)).u32(key + "context_length", 8192);
    builder.f32(key + "attention.layer_norm_rms_epsilon", 1e-5f);

    uint32_t seed = s.seed * 1000;
    // One tensor of matrices of so many rows, one below the other.
    const auto matrices = [&](const std::string& name, std::initializer_list<int64_t> rows, int64_t columns) {
      gguf_test::Writer data;
      int64_t sum = 0;
      for (const int64_t some : rows) data.raw(random_matrix(s.type, some, columns, seed++).bytes), sum += some;
      builder.tensor(name, {uint64_t(columns), uint64_t(sum)}, uint32_t(s.type), data.bytes);
    };
    const auto matrix = [&](const std::string& name, int64_t rows, int64_t columns) { matrices(name, {rows}, columns); };
    // Values about `middle`.
    const auto vector = [&](const std::string& name, int size, float middle, float spread) {
      std::vector<float> values = random_floats(size_t(size), seed++);
      for (float& value : values) value = middle + spread * value;
      builder.tensor(name, {uint64_t(size)}, uint32_t(DType::kF32), gguf_test::Writer().raw(std::as_bytes(std::span(values))).bytes);
    };
    // Weights of random bits are of any size: the norms before them make up for it, so that scores and logits are about 1.
    const float gain = 1 / (deviation(s) * std::sqrt(float(s.embedding)));
    matrix("token_embd.weight", s.vocab, s.embedding);
    for (int i = 0; i < s.layers; i++) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      vector(layer + "attn_norm.weight", s.embedding, gain, gain / 4);
      const int64_t q = int64_t(s.heads) * s.head_dim, kv = int64_t(s.kv_heads) * s.head_dim;
      if (s.fused) {
        matrices(layer + "attn_qkv.weight", {q, kv, kv}, s.embedding);
      } else {
        matrix(layer + "attn_q.weight", q, s.embedding);
        matrix(layer + "attn_k.weight", kv, s.embedding);
        matrix(layer + "attn_v.weight", kv, s.embedding);
      }
      if (s.biased || std::string(s.architecture) == "qwen2") {
        vector(layer + "attn_q.bias", int(q), 0, 0.5f);
        vector(layer + "attn_k.bias", int(kv), 0, 0.5f);
        vector(layer + "attn_v.bias", int(kv), 0, 0.5f);
      }
      matrix(layer + "attn_output.weight", s.embedding, q);
      vector(layer + "ffn_norm.weight", s.embedding, gain, gain / 4);
      if (s.fused) {
        matrices(layer + "ffn_up.weight", {s.feed_forward, s.feed_forward}, s.embedding);
      } else {
        matrix(layer + "ffn_gate.weight", s.feed_forward, s.embedding);
        matrix(layer + "ffn_up.weight", s.feed_forward, s.embedding);
      }
      matrix(layer + "ffn_down.weight", s.embedding, s.feed_forward);
      if (s.biased) {
        vector(layer + "attn_output.bias", s.embedding, 0, 0.5f);
        vector(layer + "ffn_gate.bias", s.feed_forward, 0, 0.5f);
        vector(layer + "ffn_up.bias", s.feed_forward, 0, 0.5f);
        vector(layer + "ffn_down.bias", s.embedding, 0, 0.5f);
      }
    }
    vector("output_norm.weight", s.embedding, gain, gain / 4);
    if (!s.tied) matrix("output.weight", s.vocab, s.embedding);
    return builder.build();
  }
  // Of random weights of the type.
  static float deviation(const TinyShape& s) {
    const RandomMatrix m = random_matrix(s.type, 64, s.embedding, 7);
    double sum = 0;
    for (int64_t r = 0; r < m.rows; r++)
      for (const float value : m.row(r)) sum += double(value) * value;
    return float(std::sqrt(sum / double(m.rows * m.columns)));
  }

  const TinyShape shape_;
  const gguf_test::Bytes bytes_;
  const std::shared_ptr<const ragdraft::io::GgufFile> file_;
};

}  // namespace testing
