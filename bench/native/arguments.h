// name=value arguments of the programs here.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kv/layout.h"

namespace ragdraft::bench {

// "1,4,11"
inline std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

inline int positive(const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  check(!text.empty() && *end == '\0' && value > 0 && value < (1 << 24), Code::kInvalidArgument, "not a positive number");
  return int(value);
}

// Fills in the variables behind the names. Throws kInvalidArgument.
inline void parse(int argc, char** argv, const std::map<std::string, int*>& counts, const std::map<std::string, std::string*>& texts) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = std::min(argument.find('='), argument.size());
    const std::string name = argument.substr(0, equals), value = equals < argument.size() ? argument.substr(equals + 1) : "";
    if (const auto count = counts.find(name); count != counts.end()) {
      *count->second = positive(value);
    } else if (const auto text = texts.find(name); text != texts.end()) {
      *text->second = value;
    } else {
      throw Error(Code::kInvalidArgument, "unknown argument " + argument);
    }
  }
}

template <class Value>
Value named(const std::vector<std::pair<std::string, Value>>& values, const std::string& name) {
  for (const auto& [known, value] : values)
    if (known == name) return value;
  throw Error(Code::kInvalidArgument, "unknown type " + name);
}

inline kv::KvType kv_type(const std::string& name) {
  return named<kv::KvType>(
      {{"f16", kv::KvType::kF16}, {"bf16", kv::KvType::kBF16}, {"f32", kv::KvType::kF32}, {"q8", kv::KvType::kQ8}}, name);
}

}  // namespace ragdraft::bench
