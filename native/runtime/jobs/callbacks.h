// How jobs report.
#pragma once
#include <cstdint>
#include <functional>

#include "base/error.h"

namespace ragdraft::runtime {

// Called exactly once for each job, on the engine thread (on the submitting thread if the engine has stopped). error: null on success, valid
// during the call; `result` is empty where there is an error, unless said otherwise.
template <class T>
using Done = std::function<void(const Error* error, T result)>;

// Called on the engine thread.
using Progress = std::function<void(int64_t processed, int64_t total)>;

}  // namespace ragdraft::runtime
