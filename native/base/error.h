// The one exception of the core. Thrown for every fault a caller or a file can cause; never for bugs of ours.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace ragdraft {

// Stable: the TypeScript layer passes the names on as `error.code` ("ERR_" + name). Append only.
enum class Code {
  kInvalidArgument,      // ERR_INVALID_ARGUMENT
  kFileNotFound,         // ERR_FILE_NOT_FOUND
  kFileRead,             // ERR_FILE_READ
  kInvalidModel,         // ERR_INVALID_MODEL: malformed or inconsistent GGUF
  kUnsupportedModel,     // ERR_UNSUPPORTED_MODEL: well-formed, but an architecture or type we do not run
  kOutOfMemory,          // ERR_OUT_OF_MEMORY
  kContextOverflow,      // ERR_CONTEXT_OVERFLOW
  kVocabularyMismatch,   // ERR_VOCABULARY_MISMATCH: drafter and target
  kClosed,               // ERR_CLOSED: use after close()
  kBusy,                 // ERR_BUSY: a handle is used by a running request
  kAborted,              // ERR_ABORTED
  kInternal,             // ERR_INTERNAL: an invariant of ours failed
  kDeviceFailed,         // ERR_DEVICE_FAILED: the GPU or its driver reported an error while computing
  kFileWrite,            // ERR_FILE_WRITE
  kDeviceUnavailable,    // ERR_DEVICE_UNAVAILABLE: no such GPU, or no way to use it
};

std::string_view code_name(Code code);  // "ERR_INVALID_ARGUMENT"

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const noexcept { return code_; }

 private:
  Code code_;
};

// Throws Error{code, message} unless `condition`. For borders and set-up, not for inner loops.
inline void check(bool condition, Code code, const char* message) {
  if (!condition) throw Error(code, message);
}

}  // namespace ragdraft
