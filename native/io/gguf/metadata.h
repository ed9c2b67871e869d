// The key-value section of one GGUF file, with typed access by key.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/gguf/gguf.h"

namespace ragdraft::io {

class Metadata {
 public:
  // `key` is a view into the file, which outlives this object. Throws kInvalidModel for a key that is there already.
  void add(std::string_view key, MetaValue value);

  const std::vector<std::pair<std::string, MetaValue>>& entries() const noexcept { return entries_; }
  const MetaValue* find(std::string_view key) const;
  // As the getters of GgufFile.
  const MetaArray* find_array(std::string_view key) const;
  std::optional<int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;

 private:
  std::vector<std::pair<std::string, MetaValue>> entries_;  // file order
  std::unordered_map<std::string_view, size_t> index_;      // key -> place in entries_
};

}  // namespace ragdraft::io
