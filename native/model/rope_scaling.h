// RoPE frequencies with the scalings that GGUF files carry.
#pragma once
#include "io/gguf/gguf.h"
#include "model/config.h"

namespace ragdraft::model {

// The rope that the metadata of the file describe, for pairs (i, i + rotary_dim / 2).
// sizes: its architecture, rotary_dim and context_length as trained are read. Throws kUnsupportedModel, kInvalidModel.
ops::Rope read_rope(const io::GgufFile& file, const Config& sizes);

}  // namespace ragdraft::model
