// RoPE frequencies with the scalings that GGUF files carry.
#pragma once
#include "io/gguf/gguf.h"
#include "ops/backend.h"

namespace ragdraft::model {

// rotary_dim: dimensions of a head that turn. trained_context: <arch>.context_length. Throws kUnsupportedModel, kInvalidModel.
ops::Rope read_rope(const io::GgufFile& file, const std::string& architecture, int rotary_dim, int trained_context);

}  // namespace ragdraft::model
