// Llama 2 and 3, Mistral, TinyLlama, SmolLM and others that are published in Llama's form.
#include "model/arch/architectures.h"
#include "model/rope_scaling.h"

namespace ragdraft::model {

Plan llama(const io::GgufFile& file, const Config& sizes) {
  ops::Rope rope = read_rope(file, sizes);
  rope.interleaved = true;  // the rows of q and k are permuted in GGUF files, for adjacent pairs
  return decoder_plan(sizes, std::move(rope));
}

}  // namespace ragdraft::model
