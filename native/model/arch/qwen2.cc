// Qwen2, Qwen2.5 and models made of them.
#include "model/arch/architectures.h"
#include "model/rope_scaling.h"

namespace ragdraft::model {

Plan qwen2(const io::GgufFile& file, const Config& sizes) {
  Plan plan = decoder_plan(sizes, read_rope(file, sizes));
  add_qkv_biases(plan);
  return plan;
}

}  // namespace ragdraft::model
