// The loader and the transformer do what a plan says, whichever architecture it is of.
#include <cmath>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tap.h"
#include "tiny_model.h"

using namespace ragdraft;
using namespace ragdraft::model;
using testing::TinyModel;
using testing::TinyShape;

namespace {

using Logits = std::vector<float>;

Config with(const TinyModel& model, const std::function<void(LayerPlan&)>& edit) {
  Config config = model.config();
  for (LayerPlan& layer : config.plan.layers) edit(layer);
  return config;
}

// Of the last of some tokens.
Logits logits(Transformer& model, const std::vector<TokenId>& tokens) {
  kv::Sequence sequence(model.cache(kv::KvType::kF32), int(tokens.size()));
  Logits out(size_t(model.config().vocab));
  const SequenceRows rows{&sequence, ops::Precision::kFull, tokens, 1};
  model.forward({&rows, 1}, out.data());
  return out;
}
Logits logits(const TinyModel& model, const Config& config, std::shared_ptr<ops::Backend> backend = ops::make_cpu_backend(1)) {
  return logits(*model.load(config, std::move(backend)), model.random_tokens(20, 1));
}

// Of the differences, in units of the logits' own.
double deviation(const Logits& a, const Logits& b) {
  double difference = 0, own = 0;
  for (size_t i = 0; i < a.size(); i++) {
    difference += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    own += double(b[i]) * b[i];
  }
  return std::sqrt(difference / own);
}

constexpr double kRounding = 1e-4;  // F32 weights, keys and values; sums in another order
constexpr int kQ = 4 * 32, kKv = 2 * 32, kFeedForward = 96;  // of TinyShape

// As Phi-3's plan will say.
void fuse(LayerPlan& layer) {
  constexpr int kRows = kQ + 2 * kKv;
  layer.attention.q = {.weight = "attn_qkv.weight", .first_row = 0, .tensor_rows = kRows};
  layer.attention.k = {.weight = "attn_qkv.weight", .first_row = kQ, .tensor_rows = kRows};
  layer.attention.v = {.weight = "attn_qkv.weight", .first_row = kQ + kKv, .tensor_rows = kRows};
  layer.feed_forward.gate = {.weight = "ffn_up.weight", .first_row = 0, .tensor_rows = 2 * kFeedForward};
  layer.feed_forward.up = {.weight = "ffn_up.weight", .first_row = kFeedForward, .tensor_rows = 2 * kFeedForward};
}

}  // namespace

TEST("products that share a tensor give the logits of the same matrices apart, bit for bit") {
  for (const testing::DType type : {testing::DType::kQ8_0, testing::DType::kF16, testing::DType::kF32}) {
    const TinyModel apart({.type = type}), fused({.type = type, .fused = true});
    const Config plan = with(fused, fuse);
    CHECK(logits(fused, plan) == logits(apart, apart.config()));
    CHECK(logits(fused, plan, ops::make_reference_backend()) == logits(apart, apart.config(), ops::make_reference_backend()));
    const std::shared_ptr<ops::Backend> backend = ops::make_cpu_backend(1);
    CHECK(fused.load(plan, backend)->weight_bytes() == apart.load(backend)->weight_bytes());
  }
  const TinyModel fused({.fused = true});
  CHECK_THROWS(kInvalidModel, fused.load(ops::make_reference_backend()));  // the file does not have what Llama's plan names
  CHECK_THROWS(kInvalidModel, TinyModel({}).load(with(fused, fuse), ops::make_reference_backend()));
}

TEST("every product of a layer may have a bias") {
  const TinyModel model({.type = testing::DType::kF32, .biased = true});
  const Logits without = logits(model, model.config());
  const std::vector<std::pair<const char*, std::function<LinearPlan&(LayerPlan&)>>> products = {
      {"attn_q.bias", [](LayerPlan& l) -> LinearPlan& { return l.attention.q; }},
      {"attn_k.bias", [](LayerPlan& l) -> LinearPlan& { return l.attention.k; }},
      {"attn_v.bias", [](LayerPlan& l) -> LinearPlan& { return l.attention.v; }},
      {"attn_output.bias", [](LayerPlan& l) -> LinearPlan& { return l.attention.output; }},
      {"ffn_gate.bias", [](LayerPlan& l) -> LinearPlan& { return l.feed_forward.gate; }},
      {"ffn_up.bias", [](LayerPlan& l) -> LinearPlan& { return l.feed_forward.up; }},
      {"ffn_down.bias", [](LayerPlan& l) -> LinearPlan& { return l.feed_forward.down; }}};
  for (const auto& [name, product] : products) {
    const Config config = with(model, [&](LayerPlan& layer) { product(layer).bias = name; });
    const Logits biased = logits(model, config);
    CHECK_MSG(deviation(biased, without) > 10 * kRounding, name);
    CHECK_MSG(deviation(biased, logits(model, config, ops::make_reference_backend())) < kRounding, name);
    CHECK_THROWS(kInvalidModel, TinyModel({}).load(config, ops::make_reference_backend()));  // its file has no such tensor
  }
}

TEST("layers may differ in their rope and in the scale of their scores") {
  const TinyModel model({.type = testing::DType::kF32});
  Config config = model.config();
  const Logits alike = logits(model, config);
  config.plan.ropes.push_back(config.plan.ropes[0]);
  config.plan.layers[1].attention.rope = 1;
  CHECK(logits(model, config) == alike);

  for (double& frequency : config.plan.ropes[1].frequency) frequency /= 8;
  Config scaled = model.config();
  scaled.plan.layers[1].attention.scale *= 2;
  for (const Config& other : {config, scaled}) {
    CHECK(deviation(logits(model, other), alike) > 10 * kRounding);
    CHECK(deviation(logits(model, other), logits(model, other, ops::make_reference_backend())) < kRounding);
  }
}

TEST("packed weights of products that share a tensor are kept and used") {
  const auto folder = std::filesystem::temp_directory_path() / ("ragdraft-plan-" + std::to_string(std::random_device{}()));
  std::filesystem::create_directory(folder);
  const TinyModel model({.fused = true});
  const Config plan = with(model, fuse);
  const std::shared_ptr<ops::Backend> backend = ops::make_cpu_backend(1);
  const LoadOptions options{.cache_folder = folder.string()};
  const auto packed = model.load(plan, backend, options), kept = model.load(plan, backend, options);
  CHECK_MSG(packed->weights_cache().state == CacheReport::State::kStored, packed->weights_cache().reason);
  CHECK_MSG(kept->weights_cache().state == CacheReport::State::kUsed, kept->weights_cache().reason);
  const std::vector<TokenId> tokens = model.random_tokens(20, 1);
  CHECK(logits(*kept, tokens) == logits(*packed, tokens));
  std::filesystem::remove_all(folder);
}
