// The hyper-parameters of a Llama-family model, read from GGUF metadata and checked.
#pragma once
#include <string>

#include "io/gguf/gguf.h"
#include "ops/backend.h"

namespace ragdraft::model {

struct Config {
  std::string architecture;  // "llama" or "qwen2"
  // embedding, feed_forward: widths in floats. heads is a multiple of kv_heads.
  int layers = 0, embedding = 0, heads = 0, kv_heads = 0, head_dim = 0, feed_forward = 0;
  int vocab = 0;             // rows of the output matrix; may exceed the tokenizer's tokens (padding)
  int context_length = 0;    // tokens; trained, RoPE scaling included
  float norm_epsilon = 0;
  bool qkv_bias = false;     // Qwen2
  ops::Rope rope;
};

// Throws kUnsupportedModel (architecture, RoPE scaling or a feature that we do not run), kInvalidModel.
Config read_config(const io::GgufFile& file);

}  // namespace ragdraft::model
