#include "model/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/error.h"

namespace ragdraft::model {
namespace {

// YaRN (arXiv 2309.00071), its usual constants: pairs that turn more than kBetaFast times within the original context keep
// their frequency, those that turn less than kBetaSlow times are interpolated, the rest is blended.
constexpr double kBetaFast = 32, kBetaSlow = 1;

// Index of the pair that turns `turns` times within `context` positions.
double pair_turning(double turns, int rotary_dim, double context, double base) {
  return rotary_dim * std::log(context / (turns * 2 * std::numbers::pi)) / (2 * std::log(base));
}

void apply_yarn(ops::Rope& rope, int rotary_dim, double factor, double original_context, double base) {
  const double low = std::max(0.0, std::floor(pair_turning(kBetaFast, rotary_dim, original_context, base)));
  const double high = std::min(rotary_dim - 1.0, std::ceil(pair_turning(kBetaSlow, rotary_dim, original_context, base)));
  for (size_t i = 0; i < rope.frequency.size(); i++) {
    const double ramp = std::clamp((double(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
    rope.frequency[i] *= (1 - ramp) + ramp / factor;
  }
  rope.magnitude = float(1 + 0.1 * std::log(factor));
}

// Llama 3.1 stores its scaling as one divisor a pair.
void apply_stored_factors(ops::Rope& rope, const io::TensorInfo& tensor) {
  if (tensor.type_id != uint32_t(formats::DType::kF32) || tensor.shape.size() != 1 || size_t(tensor.shape[0]) != rope.frequency.size()) {
    throw Error(Code::kInvalidModel, "rope_freqs.weight must be F32 with one factor for each pair of rotated dimensions");
  }
  for (size_t i = 0; i < rope.frequency.size(); i++) {
    float divisor;
    std::memcpy(&divisor, tensor.data + 4 * i, 4);
    check(std::isfinite(divisor) && divisor > 0, Code::kInvalidModel, "rope_freqs.weight holds a factor that is not positive");
    rope.frequency[i] /= divisor;
  }
}

}  // namespace

ops::Rope read_rope(const io::GgufFile& file, const Config& sizes) {
  const auto key = [&](const char* name) { return sizes.architecture + ".rope." + name; };
  const int rotary_dim = sizes.rotary_dim;
  const double base = file.get_float(key("freq_base")).value_or(10000.0);
  check(std::isfinite(base) && base > 1, Code::kInvalidModel, "rope.freq_base must be above 1");

  ops::Rope rope;
  for (int i = 0; i < rotary_dim / 2; i++) rope.frequency.push_back(std::pow(base, -2.0 * i / rotary_dim));
  if (const io::TensorInfo* factors = file.tensor("rope_freqs.weight")) apply_stored_factors(rope, *factors);

  const std::string scaling(file.get_string(key("scaling.type")).value_or("none"));
  double factor = file.get_float(key("scaling.factor")).value_or(0);
  if (factor == 0) factor = file.get_float(key("scale_linear")).value_or(1);  // files of 2023
  check(std::isfinite(factor) && factor > 0, Code::kInvalidModel, "rope.scaling.factor must be positive");
  if (scaling == "none") return rope;
  if (scaling == "linear") {
    for (double& f : rope.frequency) f /= factor;
  } else if (scaling == "yarn") {
    const auto original = double(file.get_int(key("scaling.original_context_length")).value_or(sizes.context_length));
    check(original >= 1, Code::kInvalidModel, "rope.scaling.original_context_length must be positive");
    apply_yarn(rope, rotary_dim, factor, original, base);
  } else {
    throw Error(Code::kUnsupportedModel, "RoPE scaling '" + scaling + "' is not supported (none, linear, yarn, llama3 factors are)");
  }
  return rope;
}

}  // namespace ragdraft::model
