#include "addon/cuda_loader.h"

#include <cstdlib>
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#elif !defined(__APPLE__)
#include <dlfcn.h>
#endif

namespace ragdraft::addon {
namespace {

// The folder of the addon, with its last separator.
#if defined(_WIN32)
std::string own_folder() {
  HMODULE self = nullptr;
  GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                     reinterpret_cast<LPCSTR>(&load_cuda), &self);
  char file[4096];
  const std::string own(file, GetModuleFileNameA(self, file, sizeof file));
  return own.substr(0, own.find_last_of("\\/") + 1);
}
constexpr const char* kModuleName = "ragdraft_cuda.dll";

ragdraft_cuda_get_api_fn find_entry(CudaStatus& status, const std::string& path) {
  const HMODULE module = LoadLibraryA(path.c_str());
  if (!module) {
    status.reason = "the CUDA module was not found or cannot be loaded";
    return nullptr;
  }
  return reinterpret_cast<ragdraft_cuda_get_api_fn>(GetProcAddress(module, "ragdraft_cuda_get_api"));
}
#elif defined(__APPLE__)
ragdraft_cuda_get_api_fn find_entry(CudaStatus& status, const std::string&) {
  status.reason = "there is no CUDA on macOS";
  return nullptr;
}
#else
std::string own_folder() {
  Dl_info self;
  const std::string own = dladdr(reinterpret_cast<void*>(&load_cuda), &self) && self.dli_fname ? self.dli_fname : "";
  return own.substr(0, own.rfind('/') + 1);
}
constexpr const char* kModuleName = "libragdraft_cuda.so";

ragdraft_cuda_get_api_fn find_entry(CudaStatus& status, const std::string& path) {
  // Without a driver the (large) module is not even mapped.
  if (!dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) && !std::getenv("RAGDRAFT_CUDA_FORCE_LOAD")) {
    status.reason = "no NVIDIA driver (libcuda.so.1)";
    return nullptr;
  }
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) {
    const char* error = dlerror();
    status.reason = error ? error : "the CUDA module cannot be loaded";
    return nullptr;
  }
  return reinterpret_cast<ragdraft_cuda_get_api_fn>(dlsym(module, "ragdraft_cuda_get_api"));
}
#endif

CudaStatus load() {
  CudaStatus status;
  const char* enabled = std::getenv("RAGDRAFT_CUDA");
  if (enabled && std::string(enabled) == "0") {
    status.reason = "disabled by RAGDRAFT_CUDA=0";
    return status;
  }
  const ragdraft_cuda_get_api_fn entry = find_entry(status, cuda_module_path());
  if (!entry) {
    if (status.reason.empty()) status.reason = "the CUDA module lacks its entry point";
    return status;
  }
  status.api = entry(RAGDRAFT_CUDA_ABI);
  if (!status.api) {
    status.reason = "the CUDA module belongs to another version of ragdraft";
    return status;
  }
  ragdraft_cuda_error error;
  if (status.api->device_count(&status.devices, &error) != RAGDRAFT_CUDA_OK) status.reason = error.text;
  else if (status.devices == 0) status.reason = "no CUDA device";
  return status;
}

}  // namespace

const CudaStatus& load_cuda() {
  static const CudaStatus status = load();
  return status;
}

std::string cuda_module_path() {
#if defined(__APPLE__)
  return "";
#else
  const char* const given = std::getenv("RAGDRAFT_CUDA_MODULE");
  return given ? given : own_folder() + kModuleName;
#endif
}

}  // namespace ragdraft::addon
