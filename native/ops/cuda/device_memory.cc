#include "ops/cuda/device_memory.h"

#include <string>

#include "base/error.h"

namespace ragdraft::ops::cuda {
namespace {

std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

ragdraft_cuda_device* open_device(const ragdraft_cuda_api& api, int index) {
  ragdraft_cuda_device* handle = nullptr;
  ragdraft_cuda_error error;
  require(api.open(index, &handle, &error), error);
  return handle;
}

}  // namespace

void require(int status, const ragdraft_cuda_error& error) {
  switch (status) {
    case RAGDRAFT_CUDA_OK: return;
    case RAGDRAFT_CUDA_OUT_OF_MEMORY: throw Error(Code::kOutOfMemory, std::string("GPU: ") + error.text);
    case RAGDRAFT_CUDA_FAILED: throw Error(Code::kDeviceFailed, std::string("GPU: ") + error.text);
    case RAGDRAFT_CUDA_UNSUPPORTED: throw Error(Code::kUnsupportedModel, error.text);
    default: throw Error(Code::kInternal, std::string("CUDA module: ") + error.text);
  }
}

ragdraft_cuda_device_info device_info(const ragdraft_cuda_api& api, int index) {
  ragdraft_cuda_device_info info;
  ragdraft_cuda_error error;
  require(api.device_info(index, &info, &error), error);
  return info;
}

PackedSize packed_size(const ragdraft_cuda_api& api, formats::DType type, int64_t rows, int64_t columns) {
  PackedSize size{};
  ragdraft_cuda_error error;
  require(api.packed_size(uint32_t(type), rows, columns, &size.bytes, &size.draft_bytes, &size.scratch_bytes, &error), error);
  return size;
}

OpenDevice::OpenDevice(const ragdraft_cuda_api& api, int index) : api(api), handle(open_device(api, index)) {}

std::shared_ptr<std::byte[]> DeviceMemory::allocate(size_t bytes) {
  void* memory = nullptr;
  ragdraft_cuda_error error;
  const int status = device_->api.allocate(device_->handle, bytes, &memory, &error);
  if (status == RAGDRAFT_CUDA_OUT_OF_MEMORY) {
    const auto [free, total] = device_->free_memory();
    throw Error(Code::kOutOfMemory,
                "cannot allocate " + mebibytes(bytes) + " on the GPU: " + mebibytes(free) + " of " + mebibytes(total) + " are free");
  }
  require(status, error);
  const auto release = [device = device_](std::byte* p) { device->api.release(device->handle, p); };
  return std::shared_ptr<std::byte[]>(static_cast<std::byte*>(memory), release);
}

}  // namespace ragdraft::ops::cuda
