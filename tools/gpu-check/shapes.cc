#include "shapes.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "random_matrix.h"

namespace ragdraft::gpu_check {
namespace {

model::Config sized(const char* architecture, int layers, int embedding, int heads, int kv_heads, int head_dim, int feed_forward, int vocab) {
  model::Config c;
  c.architecture = architecture;
  c.layers = layers;
  c.embedding = embedding;
  c.heads = heads;
  c.kv_heads = kv_heads;
  c.head_dim = head_dim;
  c.feed_forward = feed_forward;
  c.vocab = vocab;
  c.context_length = 1 << 18;
  c.norm_epsilon = 1e-5f;
  ops::Rope rope{.interleaved = c.architecture == "llama"};
  for (int i = 0; i < head_dim / 2; i++) rope.frequency.push_back(std::pow(500000.0, -2.0 * i / head_dim));
  c.plan = model::decoder_plan(c, rope);
  if (c.architecture == "qwen2") model::add_qkv_biases(c.plan);
  return c;
}

}  // namespace

model::Config shape_of(const std::string& name) {
  if (name == "llama-3.1-8b") return sized("llama", 32, 4096, 32, 8, 128, 14336, 128256);
  if (name == "qwen2.5-7b") return sized("qwen2", 28, 3584, 28, 4, 128, 18944, 152064);
  if (name == "tiny") return sized("qwen2", 2, 128, 4, 2, 32, 256, 300);
  throw Error(Code::kInvalidArgument, "unknown model " + name);
}

formats::DType weight_type(const std::string& name) {
  for (const formats::DType type : testing::kTypes)
    if (formats::info(type).name == name) return type;
  throw Error(Code::kInvalidArgument, "unknown type of weights " + name);
}

kv::KvType kv_type(const std::string& name) {
  if (name == "bf16") return kv::KvType::kBF16;
  if (name == "f16") return kv::KvType::kF16;
  if (name == "q8") return kv::KvType::kQ8;
  throw Error(Code::kInvalidArgument, "unknown type of KV " + name);
}

int64_t matrix_elements(const model::Config& c, bool logits) {
  const int64_t e = c.embedding, q = int64_t(c.heads) * c.head_dim, kv = int64_t(c.kv_heads) * c.head_dim;
  return c.layers * (e * (q + 2 * kv) + q * e + 3 * e * c.feed_forward) + (logits ? e * c.vocab : 0);
}

double weight_bytes(const model::Config& config, const PassShape& pass) {
  const formats::DTypeInfo& type = formats::info(pass.weights);
  const bool halved = pass.draft && pass.weights == formats::DType::kQ8_0;
  return double(matrix_elements(config, pass.logits)) * (halved ? 18 : double(type.block_bytes)) / double(type.block_elements);
}

double kv_token_bytes(const model::Config& config, kv::KvType type) {
  const kv::KvLayout layout{config.layers, config.kv_heads, config.head_dim, type, kv::BlockOrder::kTokens};
  return double(layout.page_bytes()) / kPageTokens;
}

Roofline roofline(const model::Config& config, const PassShape& pass, const Peaks& peaks) {
  const bool integers = testing::is_integer(pass.weights);
  const double weights = weight_bytes(config, pass), keys = (pass.depth + pass.rows) * kv_token_bytes(config, pass.kv);
  const double products = 2.0 * double(matrix_elements(config, pass.logits)) * pass.rows / (integers ? 2 : 1);
  const double seen = pass.depth + (pass.rows + 1) / 2.0;  // keys of a row, on average
  const double scores = 4.0 * config.layers * config.heads * config.head_dim * seen * pass.rows;
  const double nanoseconds = std::max(weights / peaks.read_gbps, products / peaks.bf16_gops) + std::max(keys / peaks.read_gbps, scores / peaks.bf16_gops);
  return {nanoseconds / 1e6, weights + keys};
}

}  // namespace ragdraft::gpu_check
