// A device's memory as the core sees it, over the functions of the CUDA module.
#pragma once
#include <cstdint>
#include <memory>

#include "base/memory.h"
#include "ops/cuda/module.h"
#include "formats/dtype.h"

namespace ragdraft::ops::cuda {

// Throws what a function of the module reported: kOutOfMemory, kDeviceFailed, kUnsupportedModel, kInternal. A driver's own text is in the message.
void require(int status, const ragdraft_cuda_error& error);

// Throws kDeviceFailed if there is no such device.
ragdraft_cuda_device_info device_info(const ragdraft_cuda_api& api, int index);

struct PackedSize {
  uint64_t bytes, draft_bytes;  // of the packed matrix; that a product at draft precision reads
  uint64_t scratch_bytes;       // that its products need beside it
};
// No device is needed. Throws kUnsupportedModel for types that there are no kernels for.
PackedSize packed_size(const ragdraft_cuda_api& api, formats::DType type, int64_t rows, int64_t columns);

// An open device of the module. Closes it at the end.
struct FreeMemory {
  uint64_t free_bytes, total_bytes;
};

class OpenDevice {
 public:
  // api: of the loaded module; outlives this. Throws kDeviceFailed, kOutOfMemory.
  OpenDevice(const ragdraft_cuda_api& api, int index);
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;
  ~OpenDevice() { api.close(handle); }

  // Calls a function of the module with the arguments and throws what it reports: call(&ragdraft_cuda_api::zero, to, bytes).
  template <class... Parameters, class... Arguments>
  void call(int (*ragdraft_cuda_api::*function)(ragdraft_cuda_device*, Parameters...), Arguments... arguments) const {
    ragdraft_cuda_error error;
    require((api.*function)(handle, arguments..., &error), error);
  }

  // Throws kDeviceFailed.
  FreeMemory free_memory() const {
    FreeMemory memory{};
    call(&ragdraft_cuda_api::memory_info, &memory.free_bytes, &memory.total_bytes);
    return memory;
  }

  const ragdraft_cuda_api& api;
  ragdraft_cuda_device* const handle;
};

class DeviceMemory final : public Memory {
 public:
  explicit DeviceMemory(std::shared_ptr<const OpenDevice> device) : device_(std::move(device)) {}

  // Throws kOutOfMemory with what was asked for and what is free. The memory keeps the device open.
  std::shared_ptr<std::byte[]> allocate(size_t bytes) override;
  void copy(std::byte* to, const std::byte* from, size_t bytes) override { device_->call(&ragdraft_cuda_api::copy, to, from, bytes); }
  void zero(std::byte* to, size_t bytes) override { device_->call(&ragdraft_cuda_api::zero, to, bytes); }
  void upload(void* to, const void* from, size_t bytes) override { device_->call(&ragdraft_cuda_api::upload, to, from, bytes); }
  void download(void* to, const void* from, size_t bytes) override { device_->call(&ragdraft_cuda_api::download, to, from, bytes); }

 private:
  const std::shared_ptr<const OpenDevice> device_;
};

}  // namespace ragdraft::ops::cuda
