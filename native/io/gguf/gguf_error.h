// How the reader reports a fault: one line that names the place in the file. Names from files are quoted before they are shown.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace ragdraft::io {

[[noreturn]] inline void invalid(const std::string& message) { throw Error(Code::kInvalidModel, message); }

// 'name' in quotes, at most 80 bytes of it, control and non-ASCII bytes as \xNN: safe for a terminal and as UTF-8.
std::string quoted(std::string_view name);

// Runs `read` and puts "where: " before the message of an Error that it throws.
template <class Read>
decltype(auto) in_context(const std::string& where, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(error.code(), where + ": " + error.what());
  }
}

}  // namespace ragdraft::io
