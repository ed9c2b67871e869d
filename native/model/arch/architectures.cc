#include "model/arch/architectures.h"

#include "base/error.h"

namespace ragdraft::model {
namespace {

constexpr Architecture kArchitectures[] = {{"llama", llama}, {"qwen2", qwen2}};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& find_architecture(const std::string& name) {
  check(!name.empty(), Code::kUnsupportedModel, "the file names no architecture: it is not a language model");
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (name == architecture.name) return architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture.name);
  }
  throw Error(Code::kUnsupportedModel, "architecture '" + name + "' is not supported; these are: " + known);
}

}  // namespace ragdraft::model
