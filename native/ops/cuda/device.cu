#include "ops/cuda/device.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace ragdraft::ops::cuda {
namespace {

// Before the members that allocate.
int chosen(int index) {
  gpu::use_device(index);
  return index;
}

}  // namespace

Device::Device(int index) : index(chosen(index)) {}

void* Device::allocate(size_t bytes) {
  void* const memory = gpu::allocate(std::max<size_t>(bytes, 1));
  try {
    stream.fill(memory, 0, bytes);
  } catch (...) {
    gpu::release(memory);
    throw;
  }
  return memory;
}

void Device::upload(void* to, const void* from, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    Staging& staging = staging_[next_staging_];
    next_staging_ = 1 - next_staging_;
    const size_t count = std::min(bytes - done, kStagingBytes);
    staging.read.wait();
    std::memcpy(staging.memory.get(), static_cast<const std::byte*>(from) + done, count);
    stream.to_device(static_cast<std::byte*>(to) + done, staging.memory.get(), count);
    staging.read.record(stream);
    done += count;
  }
}

void Device::download(void* to, const void* from, size_t bytes) {
  Staging& staging = staging_[next_staging_];
  for (size_t done = 0; done < bytes;) {
    const size_t count = std::min(bytes - done, kStagingBytes);
    stream.to_host(staging.memory.get(), static_cast<const std::byte*>(from) + done, count);
    stream.synchronize();
    std::memcpy(static_cast<std::byte*>(to) + done, staging.memory.get(), count);
    done += count;
  }
}

Pass* Device::next_pass() {
  pass_read_.wait();
  return host_pass_.get();
}

void Device::upload_pass(int pages) {
  stream.to_device(device_pass_.get(), host_pass_.get(), offsetof(Pass, pages) + size_t(pages) * sizeof(std::byte*));
  pass_read_.record(stream);
}

}  // namespace ragdraft::ops::cuda
