#include "model/plan.h"

#include <cmath>

#include "base/error.h"
#include "model/config.h"

namespace ragdraft::model {
namespace {

void refuse(bool wanted, const char* feature) {
  if (wanted) throw Error(Code::kUnsupportedModel, std::string("the model needs ") + feature + ", which is not supported yet");
}

}  // namespace

Plan decoder_plan(const Config& sizes, ops::Rope rope) {
  LayerPlan layer;
  layer.attention.scale = 1.0f / std::sqrt(float(sizes.head_dim));
  Plan plan;
  plan.layers.assign(size_t(sizes.layers), layer);
  plan.ropes.push_back(std::move(rope));
  return plan;
}

void add_qkv_biases(Plan& plan) {
  for (LayerPlan& layer : plan.layers) {
    layer.attention.q.bias = "attn_q.bias";
    layer.attention.k.bias = "attn_k.bias";
    layer.attention.v.bias = "attn_v.bias";
  }
}

void check_supported(const Plan& plan) {
  refuse(plan.embedding_scale != 1, "scaled token vectors");
  refuse(plan.output_softcap != 0, "soft-capped logits");
  for (const auto& [attention, feed_forward] : plan.layers) {
    refuse(!attention.q_norm.empty() || !attention.k_norm.empty(), "normalised queries and keys");
    refuse(!attention.output_norm.empty() || !feed_forward.output_norm.empty(), "norms after attention or feed-forward");
    refuse(attention.softcap != 0, "soft-capped attention scores");
    refuse(attention.window != 0, "sliding-window attention");
    refuse(feed_forward.activation != Activation::kSiLU, "the GELU activation");
  }
}

}  // namespace ragdraft::model
