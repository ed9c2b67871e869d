// What a model computes, as data. An architecture (arch/NAME.cc) fills the plan in from a file's metadata; the loader and the transformer
// walk it, and know no architecture by name. Every layer is x += attention(norm(x)), then x += feed_forward(norm(x)), with the RMS norm.
//
// Tensors are named without the "blk.N." of their layer. An empty name means that the model has no such tensor. Three names are the same
// in all GGUF files and not part of a plan: token_embd.weight, output_norm.weight, and output.weight, which may be missing: the matrix of
// the embedding is then the output matrix too.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ops/backend.h"

namespace ragdraft::model {

struct Config;

// A product y = W x + bias.
struct LinearPlan {
  std::string weight;      // tensor of [outputs, inputs]
  std::string bias = {};   // tensor of [outputs]; empty: no bias
  // Where one tensor holds the matrices of several products, one below the other, as Phi-3's attn_qkv does:
  int64_t first_row = 0;    // of this product's matrix
  int64_t tensor_rows = 0;  // of the whole tensor; 0: the tensor is this matrix alone
};

struct AttentionPlan {
  std::string norm = "attn_norm.weight";   // of the input, [embedding]
  LinearPlan q{"attn_q.weight"}, k{"attn_k.weight"}, v{"attn_v.weight"}, output{"attn_output.weight"};
  std::string q_norm, k_norm;     // of every head of the queries and of the keys before they are rotated, [head_dim]
  std::string output_norm;        // of the result before it is added to x, [embedding]
  int rope = 0;                   // index into Plan::ropes
  float scale = 1;                // of the products of queries and keys
  float softcap = 0;              // scores become softcap * tanh(score / softcap); 0: they stay as they are
  int window = 0;                 // tokens that a row sees, its own included; 0: all before it
};

enum class Activation : uint8_t { kSiLU, kGELU };

// activation(gate x) * (up x), multiplied by `down`.
struct FeedForwardPlan {
  std::string norm = "ffn_norm.weight";  // of the input, [embedding]
  LinearPlan gate{"ffn_gate.weight"}, up{"ffn_up.weight"}, down{"ffn_down.weight"};
  Activation activation = Activation::kSiLU;
  std::string output_norm;               // of the result before it is added to x, [embedding]
};

struct LayerPlan {
  AttentionPlan attention;
  FeedForwardPlan feed_forward;
};

struct Plan {
  float embedding_scale = 1;     // of the token vectors
  std::vector<ops::Rope> ropes;  // those that the layers use
  std::vector<LayerPlan> layers;
  float output_softcap = 0;      // as AttentionPlan::softcap, of the logits
};

// The plan that most architectures begin with: all layers alike, no biases, scores scaled by 1 / sqrt(head_dim), one rope.
Plan decoder_plan(const Config& sizes, ops::Rope rope);

// Gives the products that make queries, keys and values their biases, under the usual names.
void add_qkv_biases(Plan& plan);

// Throws kUnsupportedModel, naming the feature, where a plan asks for what no backend computes yet.
void check_supported(const Plan& plan);

}  // namespace ragdraft::model
