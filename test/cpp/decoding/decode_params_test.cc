// The ranges of decoding parameters: every bound is allowed, and nothing beyond it.
#include "decoding/decode_params.h"

#include <cmath>
#include <string>
#include <type_traits>

#include "tap.h"

using namespace ragdraft;
using decoding::DecodeParams;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

// Sets the number called `name` to `value`.
void set(DecodeParams& params, const std::string& name, double value) {
  for_each_number(params, [&](const char* each, auto& member, auto, auto) {
    if (name == each) member = std::remove_reference_t<decltype(member)>(value);
  });
}

bool allowed(const std::string& name, double value) {
  DecodeParams params;
  set(params, name, value);
  try {
    decoding::validate(params);
    return true;
  } catch (const Error& error) {
    CHECK(error.code() == Code::kInvalidArgument && std::string(error.what()).find(name) != std::string::npos);
    return false;
  }
}

}  // namespace

TEST("defaults are in range, bounds of every number are, and the next number beyond is not") {
  decoding::validate(DecodeParams{});
  int numbers = 0;
  DecodeParams params;
  for_each_number(params, [&](const char* name, auto& member, auto low, auto high) {
    numbers++;
    constexpr bool kReal = std::is_same_v<decltype(member), double&>;
    CHECK_MSG(allowed(name, low) && allowed(name, high), name);
    CHECK_MSG(!allowed(name, kReal ? std::nextafter(double(low), -kInf) : double(low) - 1), name);
    if (kReal || high < std::numeric_limits<int>::max()) CHECK_MSG(!allowed(name, kReal ? std::nextafter(double(high), kInf) : double(high) + 1), name);
    if (kReal) CHECK_MSG(!allowed(name, kNan), name);
  });
  CHECK(numbers == 14);
}

TEST("the ranges are these: written down a second time") {
  const std::pair<const char*, double> wrong[] = {
      {"transfer", -1}, {"transfer", kInf}, {"plausibility", 1.1}, {"transferTemperature", 0}, {"draftLength", -2}, {"draftLength", 17},
      {"maxDraftLength", -1}, {"maxDraftLength", 17}, {"confidence", -0.1}, {"confidence", 1.1}, {"temperature", -0.1}, {"temperature", kInf},
      {"topK", -1}, {"topP", 0}, {"topP", 1.01}, {"minP", 1}, {"minP", -1e-9}, {"repetitionPenalty", 0}, {"repetitionPenalty", kInf},
      {"repetitionWindow", -1}, {"maxTokens", 0}, {"validTokens", -1}};
  for (const auto& [name, value] : wrong) CHECK_MSG(!allowed(name, value), name);
  const std::pair<const char*, double> right[] = {{"transfer", 0}, {"plausibility", 0}, {"plausibility", 1}, {"draftLength", -1},
      {"draftLength", 16}, {"maxDraftLength", 0}, {"confidence", 1}, {"temperature", 0}, {"topP", 1}, {"minP", 0}, {"maxTokens", 1}};
  for (const auto& [name, value] : right) CHECK_MSG(allowed(name, value), name);
}
