// Streams, graphs and launches. A stream does nothing before it is waited for: who reads a result too early, or changes the source
// of a copy too soon, gets the wrong bytes every time.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "emulator/words.h"

namespace ragdraft::gpu {

struct DeviceInfo {
  std::string name;
  int major, minor;
  int multiprocessors;
  size_t total_bytes;
  size_t block_shared_bytes;
};
int device_count();
DeviceInfo device_info(int device);
void use_device(int device);

class Stream;

class Graph {
 public:
  explicit Graph(std::vector<std::function<void()>> work) : work_(std::move(work)) {}
  Graph(Graph&&) noexcept = default;
  Graph& operator=(Graph&&) = delete;
  void launch(Stream& stream) const;

 private:
  std::vector<std::function<void()>> work_;
};

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  void to_device(void* to, const void* from, size_t bytes);
  void to_host(void* to, const void* from, size_t bytes);
  void on_device(void* to, const void* from, size_t bytes);
  void fill(void* to, int byte, size_t bytes);
  void submit(std::function<void()> work) { work_.push_back(std::move(work)); }
  void synchronize();
  void begin_capture();
  Graph end_capture();

 private:
  std::vector<std::function<void()>> work_, before_capture_;
  bool capturing_ = false, failed_ = false;
};

class Event {
 public:
  void record(Stream& stream);
  void wait();
  float milliseconds_since(const Event& earlier) const;

 private:
  Stream* stream_ = nullptr;  // that it was recorded in and that has not come here yet
  std::chrono::steady_clock::time_point time_;
};

struct Shape {
  dim3 grid, block;
  size_t shared_bytes = 0;
};

// Throws kDeviceFailed where CUDA would refuse the shape.
void check_shape(const Shape& shape);
// Runs every block. Throws kDeviceFailed with what the emulator found.
void run_grid(const Shape& shape, const std::function<void()>& body);

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const Shape& shape, Stream& stream, Arguments&&... arguments) {
  check_shape(shape);
  stream.submit([=, parameters = std::tuple<Parameters...>(static_cast<Parameters>(arguments)...)] {
    run_grid(shape, [&] { std::apply(kernel, parameters); });
  });
}

}  // namespace ragdraft::gpu
