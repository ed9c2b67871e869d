#include "ops/cuda/module_loader.h"

#include <cstdlib>
#include <map>
#include <mutex>
#if defined(_WIN32)
#include <windows.h>

#include <filesystem>
#include <system_error>
#elif !defined(__APPLE__)
#include <dlfcn.h>
#endif

namespace ragdraft::ops::cuda {
namespace {

#if defined(_WIN32)
ragdraft_cuda_get_api_fn find_entry(LoadedModule& loaded, const std::string& path) {
  const HMODULE module = LoadLibraryW(std::filesystem::path(std::u8string(path.begin(), path.end())).c_str());
  if (!module) {
    loaded.reason = path + ": " + std::system_category().message(int(GetLastError()));
    return nullptr;
  }
  return reinterpret_cast<ragdraft_cuda_get_api_fn>(reinterpret_cast<void*>(GetProcAddress(module, "ragdraft_cuda_get_api")));
}
#elif defined(__APPLE__)
ragdraft_cuda_get_api_fn find_entry(LoadedModule& loaded, const std::string&) {
  loaded.reason = "there is no CUDA on macOS";
  return nullptr;
}
#else
ragdraft_cuda_get_api_fn find_entry(LoadedModule& loaded, const std::string& path) {
  // Without a driver the (large) module is not even mapped.
  if (!dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) && !std::getenv("RAGDRAFT_CUDA_FORCE_LOAD")) {
    loaded.reason = "no NVIDIA driver (libcuda.so.1)";
    return nullptr;
  }
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) {
    const char* error = dlerror();
    loaded.reason = error ? error : "the CUDA module cannot be loaded";
    return nullptr;
  }
  return reinterpret_cast<ragdraft_cuda_get_api_fn>(dlsym(module, "ragdraft_cuda_get_api"));
}
#endif

LoadedModule load(const std::string& path) {
  LoadedModule loaded;
  const ragdraft_cuda_get_api_fn entry = find_entry(loaded, path);
  if (!entry) {
    if (loaded.reason.empty()) loaded.reason = "the CUDA module lacks its entry point";
    return loaded;
  }
  loaded.api = entry(RAGDRAFT_CUDA_ABI);
  if (!loaded.api) {
    loaded.reason = "the CUDA module belongs to another version of ragdraft";
    return loaded;
  }
  ragdraft_cuda_error error;
  if (loaded.api->device_count(&loaded.devices, &error) != RAGDRAFT_CUDA_OK) loaded.reason = error.text;
  else if (loaded.devices == 0) loaded.reason = "no CUDA device";
  return loaded;
}

}  // namespace

const LoadedModule& load_module(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, LoadedModule> modules;  // its nodes never move
  const std::lock_guard lock(mutex);
  const auto found = modules.find(path);
  return found != modules.end() ? found->second : modules.emplace(path, load(path)).first->second;
}

}  // namespace ragdraft::ops::cuda
