// Plans: what each architecture makes of a file's metadata, and what is refused.
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gguf_builder.h"
#include "model/arch/architectures.h"
#include "tap.h"
#include "tiny_model.h"

using namespace ragdraft;
using namespace ragdraft::model;
using testing::TinyModel;

namespace {

struct Entry {
  const char* key;
  double value;
};
const std::vector<Entry> kSizes = {{"block_count", 3},          {"embedding_length", 64},  {"feed_forward_length", 96},
                                   {"attention.head_count", 4}, {"context_length", 8192},  {"attention.layer_norm_rms_epsilon", 1e-5},
                                   {"rope.freq_base", 5e5},     {"rope.dimension_count", 8}};

// A file of metadata and of an embedding, without the entry `left_out`.
Config read(const std::string& architecture, const std::vector<Entry>& entries, const std::string& left_out = "") {
  gguf_test::Builder builder;
  builder.string("general.architecture", architecture);
  for (const auto& [key, value] : entries) {
    if (key == left_out) continue;
    const std::string name = architecture + "." + key;
    if (value == std::floor(value) && value < 1e5) builder.u32(name, uint32_t(value));
    else builder.f32(name, float(value));
  }
  builder.tensor("token_embd.weight", {64, 80}, 0, gguf_test::Bytes(64 * 80 * 4));
  const gguf_test::Bytes bytes = builder.build();
  return read_config(*io::GgufFile::parse(bytes.data(), bytes.size()));
}

std::string message_of(const std::function<void()>& action, Code code) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == code ? error.what() : "another code: " + std::string(error.what());
  }
  return "nothing was thrown";
}

}  // namespace

TEST("every architecture reads the sizes under its own prefix, and plans as many layers") {
  for (const Architecture& architecture : architectures()) {
    const Config c = read(architecture.name, kSizes);
    CHECK_MSG(c.architecture == architecture.name && c.layers == 3 && c.embedding == 64 && c.feed_forward == 96, architecture.name);
    CHECK_MSG(c.heads == 4 && c.kv_heads == 4 && c.head_dim == 16 && c.rotary_dim == 8 && c.vocab == 80 && c.context_length == 8192, architecture.name);
    CHECK_MSG(c.plan.layers.size() == 3, architecture.name);
    for (const LayerPlan& layer : c.plan.layers) {
      CHECK_MSG(size_t(layer.attention.rope) < c.plan.ropes.size(), architecture.name);
      CHECK_MSG(layer.attention.scale == 0.25f, architecture.name);
    }
    check_supported(c.plan);
  }
}

TEST("a file that lacks a size, or has an impossible one, is refused by every architecture") {
  for (const Architecture& architecture : architectures()) {
    for (const char* key : {"block_count", "embedding_length", "feed_forward_length", "attention.head_count", "context_length",
                            "attention.layer_norm_rms_epsilon"}) {
      const std::string message = message_of([&] { read(architecture.name, kSizes, key); }, Code::kInvalidModel);
      CHECK_MSG(message.find(key) != std::string::npos, message);
      std::vector<Entry> zero = kSizes;
      for (Entry& entry : zero)
        if (std::string(entry.key) == key) entry.value = 0;
      CHECK_THROWS(kInvalidModel, read(architecture.name, zero));
    }
    std::vector<Entry> experts = kSizes;
    experts.push_back({"expert_count", 8});
    CHECK_THROWS(kUnsupportedModel, read(architecture.name, experts));
  }
}

TEST("an architecture that is not known is refused with the names of those that are") {
  const std::string message = message_of([] { read("gpt-j", kSizes); }, Code::kUnsupportedModel);
  CHECK_MSG(message.find("'gpt-j'") != std::string::npos, message);
  for (const Architecture& architecture : architectures()) CHECK_MSG(message.find(architecture.name) != std::string::npos, message);
  CHECK_THROWS(kUnsupportedModel, read("", kSizes));
  CHECK_THROWS(kUnsupportedModel, read("llam", kSizes));
}

TEST("llama: adjacent pairs are rotated, no biases") {
  const Plan plan = read("llama", kSizes).plan;
  CHECK(plan.ropes.size() == 1 && plan.ropes[0].interleaved && plan.ropes[0].frequency.size() == 4);
  CHECK(plan.ropes[0].frequency[1] == std::pow(5e5, -0.25));
  for (const LayerPlan& layer : plan.layers) {
    CHECK(layer.attention.q.weight == "attn_q.weight" && layer.feed_forward.down.weight == "ffn_down.weight");
    CHECK(layer.attention.q.bias.empty() && layer.attention.k.bias.empty() && layer.attention.v.bias.empty());
  }
}

TEST("qwen2: the halves of a head are rotated together, queries, keys and values have biases") {
  const Plan plan = read("qwen2", kSizes).plan;
  CHECK(plan.ropes.size() == 1 && !plan.ropes[0].interleaved && plan.ropes[0].frequency.size() == 4);
  for (const LayerPlan& layer : plan.layers) {
    CHECK(layer.attention.q.bias == "attn_q.bias" && layer.attention.k.bias == "attn_k.bias" && layer.attention.v.bias == "attn_v.bias");
    CHECK(layer.attention.output.bias.empty() && layer.feed_forward.gate.bias.empty());
  }
}

TEST("a plan that asks for what no backend computes is refused when the model is loaded, and the message names it") {
  const TinyModel model({});
  const std::vector<std::pair<const char*, std::function<void(Plan&)>>> features = {
      {"scaled token vectors", [](Plan& p) { p.embedding_scale = 8; }},
      {"soft-capped logits", [](Plan& p) { p.output_softcap = 30; }},
      {"normalised queries and keys", [](Plan& p) { p.layers[1].attention.q_norm = "attn_q_norm.weight"; }},
      {"normalised queries and keys", [](Plan& p) { p.layers[0].attention.k_norm = "attn_k_norm.weight"; }},
      {"norms after attention or feed-forward", [](Plan& p) { p.layers[1].attention.output_norm = "post_attention_norm.weight"; }},
      {"norms after attention or feed-forward", [](Plan& p) { p.layers[1].feed_forward.output_norm = "post_ffw_norm.weight"; }},
      {"soft-capped attention scores", [](Plan& p) { p.layers[1].attention.softcap = 50; }},
      {"sliding-window attention", [](Plan& p) { p.layers[1].attention.window = 1024; }},
      {"the GELU activation", [](Plan& p) { p.layers[1].feed_forward.activation = Activation::kGELU; }},
  };
  for (const auto& [feature, edit] : features) {
    Config config = model.config();
    edit(config.plan);
    const std::string message = message_of([&] { model.load(config, ops::make_reference_backend()); }, Code::kUnsupportedModel);
    CHECK_MSG(message.find(feature) != std::string::npos, message);
  }
}
