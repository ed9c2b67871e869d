// The architectures that are known, by the name that GGUF files give them. A new one is a file here and two lines: below, and in
// architectures.cc.
#pragma once
#include <span>
#include <string>

#include "io/gguf/gguf.h"
#include "model/config.h"

namespace ragdraft::model {

struct Architecture {
  const char* name;  // `general.architecture`, and the prefix of its metadata keys
  // sizes: Config without its plan. Throws kUnsupportedModel, kInvalidModel.
  Plan (*plan)(const io::GgufFile& file, const Config& sizes);
};

std::span<const Architecture> architectures();

// Throws kUnsupportedModel, with the names that are known.
const Architecture& find_architecture(const std::string& name);

Plan llama(const io::GgufFile& file, const Config& sizes);
Plan qwen2(const io::GgufFile& file, const Config& sizes);

}  // namespace ragdraft::model
