#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/arch/architectures.h"

namespace ragdraft::model {
namespace {

// Far above any published model: larger numbers are corrupt files, and products of these bounds fit int64.
constexpr int64_t kMaxDimension = 1 << 20, kMaxLayers = 4096, kMaxHeadDim = 256;

// Reads one integer in [1, maximum].
int read_dimension(const io::GgufFile& file, const std::string& key, int64_t maximum, std::optional<int64_t> fallback = {}) {
  const std::optional<int64_t> stored = file.get_int(key);
  const std::optional<int64_t> value = stored ? stored : fallback;
  if (!value) throw Error(Code::kInvalidModel, "the model lacks " + key);
  if (*value < 1 || *value > maximum) {
    throw Error(Code::kInvalidModel, key + " is " + std::to_string(*value) + "; expected 1.." + std::to_string(maximum));
  }
  return int(*value);
}

int output_rows(const io::GgufFile& file) {
  const io::TensorInfo* output = file.tensor("output.weight");
  if (!output) output = file.tensor("token_embd.weight");
  check(output && output->shape.size() == 2, Code::kInvalidModel, "the model has no token_embd.weight matrix");
  check(output->shape[1] >= 1 && output->shape[1] <= kMaxDimension * 16, Code::kInvalidModel, "the output matrix has an impossible size");
  return int(output->shape[1]);
}

}  // namespace

Config read_config(const io::GgufFile& file) {
  Config c;
  c.architecture = std::string(file.get_string("general.architecture").value_or(""));
  const Architecture& architecture = find_architecture(c.architecture);
  const auto key = [&](const char* name) { return c.architecture + "." + name; };
  if (file.get_int(key("expert_count")).value_or(0) > 0) throw Error(Code::kUnsupportedModel, "mixture-of-experts models are not supported");

  c.layers = read_dimension(file, key("block_count"), kMaxLayers);
  c.embedding = read_dimension(file, key("embedding_length"), kMaxDimension);
  c.feed_forward = read_dimension(file, key("feed_forward_length"), kMaxDimension);
  c.heads = read_dimension(file, key("attention.head_count"), kMaxDimension);
  c.kv_heads = read_dimension(file, key("attention.head_count_kv"), kMaxDimension, c.heads);
  check(c.heads % c.kv_heads == 0, Code::kInvalidModel, "attention.head_count is not a multiple of attention.head_count_kv");
  const std::optional<int64_t> explicit_dim = file.get_int(key("attention.key_length"));
  if (!explicit_dim) check(c.embedding % c.heads == 0, Code::kInvalidModel, "embedding_length is not a multiple of attention.head_count");
  c.head_dim = read_dimension(file, key("attention.key_length"), kMaxHeadDim, c.embedding / c.heads);
  check(c.head_dim % 2 == 0, Code::kUnsupportedModel, "an odd head dimension is not supported");
  if (file.get_int(key("attention.value_length")).value_or(c.head_dim) != c.head_dim) {
    throw Error(Code::kUnsupportedModel, "keys and values of different dimensions are not supported");
  }
  const double epsilon = file.get_float(key("attention.layer_norm_rms_epsilon")).value_or(0);
  check(std::isfinite(epsilon) && epsilon > 0 && epsilon < 1, Code::kInvalidModel, "attention.layer_norm_rms_epsilon is missing or not in (0, 1)");
  c.norm_epsilon = float(epsilon);
  c.vocab = output_rows(file);

  c.rotary_dim = read_dimension(file, key("rope.dimension_count"), c.head_dim, c.head_dim);
  check(c.rotary_dim % 2 == 0, Code::kInvalidModel, "rope.dimension_count is odd");
  c.context_length = read_dimension(file, key("context_length"), int64_t{1} << 30);
  c.plan = architecture.plan(file, c);
  const double scaled = double(file.get_int(key("rope.scaling.original_context_length")).value_or(0)) * file.get_float(key("rope.scaling.factor")).value_or(1);
  c.context_length = std::max(c.context_length, int(std::min(scaled, double(1 << 30))));
  return c;
}

}  // namespace ragdraft::model
