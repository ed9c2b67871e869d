// What mapped_file_*.cc share: the words of its errors.
#pragma once
#include <cstdint>
#include <limits>
#include <string>

#include "base/error.h"

namespace ragdraft::io {

[[noreturn]] inline void fail_read(Code code, const std::string& path, const std::string& why) {
  throw Error(code, "cannot read model file '" + path + "': " + why);
}

inline void check_path(const std::string& path) {
  check(!path.empty() && path.find('\0') == std::string::npos, Code::kInvalidArgument, "a model path must be non-empty, without NUL");
}

inline size_t checked_size(uint64_t bytes, const std::string& path) {
  if (bytes > std::numeric_limits<size_t>::max() / 2) fail_read(Code::kOutOfMemory, path, "larger than the address space");
  return size_t(bytes);
}

}  // namespace ragdraft::io
