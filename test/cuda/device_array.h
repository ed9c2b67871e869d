// Arrays on the emulated device, for tests of kernels.
#pragma once
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "ops/cuda/gpu.h"

namespace testing {

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count), data_(static_cast<T*>(ragdraft::gpu::allocate(count * sizeof(T)))) {}
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

struct RunOrder {
  ragdraft::emulator::Order order;
  uint64_t seed;
  const char* name;
};
inline constexpr RunOrder kOrders[] = {{ragdraft::emulator::Order::kForward, 1, "forward"},
                                       {ragdraft::emulator::Order::kReverse, 1, "reverse"},
                                       {ragdraft::emulator::Order::kRandom, 7, "random"}};

// Calls test(name) with blocks and threads in forward, reverse and random order.
template <class Test>
void for_all_orders(const Test& test) {
  const ragdraft::emulator::Config before = ragdraft::emulator::config();
  for (const RunOrder& run : kOrders) {
    ragdraft::emulator::config().order = run.order;
    ragdraft::emulator::config().seed = run.seed;
    test(std::string(run.name));
  }
  ragdraft::emulator::config() = before;
}

}  // namespace testing
