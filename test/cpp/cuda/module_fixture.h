// The CUDA module, linked into the test program, as the core finds it.
#pragma once
#include <memory>
#include <string>

#include "base/error.h"
#include "ops/cuda/device_memory.h"
#include "ops/cuda/module.h"

extern "C" const ragdraft_cuda_api* ragdraft_cuda_get_api(uint32_t abi);

namespace testing {

inline const ragdraft_cuda_api& api() { return *ragdraft_cuda_get_api(RAGDRAFT_CUDA_ABI); }
inline std::shared_ptr<const ragdraft::ops::cuda::OpenDevice> open_device() {
  return std::make_shared<const ragdraft::ops::cuda::OpenDevice>(api(), 0);
}

// What Error a call throws, as "CODE: message".
template <class Call>
std::string thrown(const Call& call) {
  try {
    call();
  } catch (const ragdraft::Error& e) {
    return std::string(code_name(e.code())) + ": " + e.what();
  }
  return "";
}

}  // namespace testing
