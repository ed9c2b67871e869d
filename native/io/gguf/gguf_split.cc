#include "io/gguf/gguf_split.h"

#include <string_view>

#include "io/gguf/gguf_error.h"

namespace ragdraft::io {
namespace {

constexpr size_t kDigits = 5;
constexpr int64_t kMaxParts = 99999;
constexpr std::string_view kExtension = ".gguf", kOf = "-of-";

std::string padded(int64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

// Takes `ending` off the end of `text`; false if it is not there.
bool strip(std::string_view& text, std::string_view ending) {
  if (!text.ends_with(ending)) return false;
  text.remove_suffix(ending.size());
  return true;
}

std::optional<int64_t> strip_number(std::string_view& text) {
  if (text.size() < kDigits) return std::nullopt;
  int64_t number = 0;
  for (const char c : text.substr(text.size() - kDigits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_suffix(kDigits);
  return number;
}

}  // namespace

std::optional<SplitInfo> split_info(const Metadata& metadata) {
  const int64_t count = metadata.get_int("split.count").value_or(0);
  if (count == 0 || count == 1) return std::nullopt;  // tools that merge parts leave a split.count of 0
  if (count < 0 || count > kMaxParts) invalid("split.count is " + std::to_string(count));
  const auto number = metadata.get_int("split.no"), tensors = metadata.get_int("split.tensors.count");
  if (!number || !tensors) invalid("split.count is there, split.no or split.tensors.count is not");
  if (*number < 0 || *number >= count) invalid("split.no is " + std::to_string(*number) + " of " + std::to_string(count));
  return SplitInfo{*number, count, *tensors};
}

std::string SplitName::path_of(int64_t part_number) const {
  return stem + "-" + padded(part_number) + std::string(kOf) + padded(count) + std::string(kExtension);
}

std::optional<SplitName> parse_split_name(const std::string& path) {
  std::string_view rest = path;
  if (!strip(rest, kExtension)) return std::nullopt;
  const auto count = strip_number(rest);
  if (!count || !strip(rest, kOf)) return std::nullopt;
  const auto number = strip_number(rest);
  if (!number || !strip(rest, "-")) return std::nullopt;
  if (*number < 1 || *number > *count) return std::nullopt;
  return SplitName{std::string(rest), *number, *count};
}

}  // namespace ragdraft::io
