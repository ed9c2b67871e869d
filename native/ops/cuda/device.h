// A device in use, inside the module: its stream, the pinned memory that uploads and downloads pass through, and the pass.
#pragma once
#include <cstddef>
#include <mutex>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/pass.h"

namespace ragdraft::ops::cuda {

// Memory of the device or pinned memory of the host, for as long as the object lives.
template <class T, void* (*allocate)(size_t), void (*release)(void*) noexcept>
class Owned {
 public:
  explicit Owned(size_t bytes) : data_(static_cast<T*>(allocate(bytes))) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { release(data_); }
  T* get() const { return data_; }

 private:
  T* const data_;
};
template <class T>
using Pinned = Owned<T, gpu::allocate_host, gpu::release_host>;
template <class T>
using OnDevice = Owned<T, gpu::allocate, gpu::release>;

// Not thread-safe: module.cu holds `mutex` over every call.
class Device {
 public:
  explicit Device(int index);

  void* allocate(size_t bytes);  // zeroed
  void upload(void* to, const void* from, size_t bytes);
  void download(void* to, const void* from, size_t bytes);

  // The host's copy of the pass, free to be filled: what was uploaded of it before has been read.
  Pass* next_pass();
  void upload_pass(int pages);
  const Pass* pass() const { return device_pass_.get(); }

  const int index;
  std::mutex mutex;
  gpu::Stream stream;

 private:
  static constexpr size_t kStagingBytes = size_t{8} << 20;  // a millisecond of copying: far more than starting a copy costs
  // One half is filled while the other is on its way.
  struct Staging {
    Pinned<std::byte> memory{kStagingBytes};
    gpu::Event read;
  };
  Staging staging_[2];
  int next_staging_ = 0;
  Pinned<Pass> host_pass_{sizeof(Pass)};
  OnDevice<Pass> device_pass_{sizeof(Pass)};
  gpu::Event pass_read_;
};

}  // namespace ragdraft::ops::cuda
