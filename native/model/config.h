// The sizes of a model and the plan of its layers, read from GGUF metadata and checked.
#pragma once
#include <string>

#include "io/gguf/gguf.h"
#include "model/plan.h"

namespace ragdraft::model {

struct Config {
  std::string architecture;  // one of architectures()
  int layers = 0;            // 1 or more
  int embedding = 0;         // width of a token's vector, in floats
  int heads = 0;             // of queries; a multiple of kv_heads
  int kv_heads = 0;          // of keys and values
  int head_dim = 0;          // floats of a head; even
  int rotary_dim = 0;        // of them, those that RoPE turns; even
  int feed_forward = 0;      // width of the feed-forward network, in floats
  int vocab = 0;             // rows of the output matrix; may exceed the tokenizer's tokens (padding)
  int context_length = 0;    // tokens; trained, RoPE scaling included
  float norm_epsilon = 0;    // of all norms, in (0, 1)
  Plan plan;                 // its layers are as many as `layers`
};

// Throws kUnsupportedModel (architecture, RoPE scaling, a feature that no architecture here has), kInvalidModel.
Config read_config(const io::GgufFile& file);

}  // namespace ragdraft::model
