#include "base/error.h"

namespace ragdraft {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "ERR_INVALID_ARGUMENT";
    case Code::kFileNotFound: return "ERR_FILE_NOT_FOUND";
    case Code::kFileRead: return "ERR_FILE_READ";
    case Code::kInvalidModel: return "ERR_INVALID_MODEL";
    case Code::kUnsupportedModel: return "ERR_UNSUPPORTED_MODEL";
    case Code::kOutOfMemory: return "ERR_OUT_OF_MEMORY";
    case Code::kContextOverflow: return "ERR_CONTEXT_OVERFLOW";
    case Code::kVocabularyMismatch: return "ERR_VOCABULARY_MISMATCH";
    case Code::kClosed: return "ERR_CLOSED";
    case Code::kBusy: return "ERR_BUSY";
    case Code::kAborted: return "ERR_ABORTED";
    case Code::kInternal: return "ERR_INTERNAL";
    case Code::kDeviceFailed: return "ERR_DEVICE_FAILED";
    case Code::kFileWrite: return "ERR_FILE_WRITE";
    case Code::kDeviceUnavailable: return "ERR_DEVICE_UNAVAILABLE";
  }
  return "ERR_INTERNAL";
}

}  // namespace ragdraft
