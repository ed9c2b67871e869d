// Arrays on the device, emulated or real, for tests of kernels.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "ops/cuda/gpu.h"
#include "orders.h"

namespace testing {

template <class T>
class DeviceArray {
 public:
  // NaNs, so that it shows when they are read: as the emulator gives all memory.
  explicit DeviceArray(size_t count) : count_(count), data_(static_cast<T*>(ragdraft::gpu::allocate(count * sizeof(T)))) {
#if defined(__CUDACC__)
    ragdraft::gpu::Stream stream;
    stream.fill(data_, 0xff, count_ * sizeof(T));
    stream.synchronize();
#endif
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    ragdraft::gpu::Stream stream;
    stream.to_device(data_, values.data(), count_ * sizeof(T));
    stream.synchronize();
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { ragdraft::gpu::release(data_); }

  T* get() const { return data_; }
  // What it holds, after everything that was given to `stream`.
  std::vector<T> read(ragdraft::gpu::Stream& stream) const {
    std::vector<T> values(count_);
    stream.to_host(values.data(), data_, count_ * sizeof(T));
    stream.synchronize();
    return values;
  }

 private:
  const size_t count_;
  T* const data_;
};

}  // namespace testing
