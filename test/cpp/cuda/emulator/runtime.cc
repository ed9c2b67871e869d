#include "emulator/runtime.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "emulator/block.h"
#include "emulator/memory.h"

namespace ragdraft::gpu {

int device_count() {
  if (emulator::driver_is("crash")) std::abort();
  while (emulator::driver_is("hang")) std::this_thread::sleep_for(std::chrono::seconds(1));
  return emulator::driver_is("empty") ? 0 : emulator::config().devices;
}

DeviceInfo device_info(int device) {
  check(device >= 0 && device < device_count(), Code::kDeviceFailed, "device properties: no such device");
  return {"emulated device " + std::to_string(device), 8, 0, 4, emulator::config().memory_bytes, emulator::config().block_shared_bytes};
}

void use_device(int device) { check(device >= 0 && device < device_count(), Code::kDeviceFailed, "choosing the device: no such device"); }

void Graph::launch(Stream& stream) const {
  for (const auto& work : work_) stream.submit(work);
}

Stream::~Stream() = default;

void Stream::to_device(void* to, const void* from, size_t bytes) {
  submit([=] { std::memcpy(to, from, bytes); });
}
void Stream::to_host(void* to, const void* from, size_t bytes) {
  submit([=] { std::memcpy(to, from, bytes); });
}
void Stream::on_device(void* to, const void* from, size_t bytes) {
  submit([=] { std::memcpy(to, from, bytes); });
}
void Stream::fill(void* to, int byte, size_t bytes) {
  submit([=] { std::memset(to, byte, bytes); });
}

void Stream::synchronize() {
  check(!capturing_, Code::kDeviceFailed, "running on the device: the stream is being captured");
  check(!failed_, Code::kDeviceFailed, "running on the device: an earlier kernel failed");  // as CUDA: a faulty kernel ends the context
  const std::vector<std::function<void()>> work = std::exchange(work_, {});
  const emulator::DeviceAccess access;
  try {
    for (const auto& item : work) item();
  } catch (const emulator::Fault& e) {
    failed_ = true;
    throw Error(Code::kDeviceFailed, std::string("running on the device: ") + e.what());
  }
}

void Stream::begin_capture() {
  check(!capturing_, Code::kDeviceFailed, "starting a graph: one is being captured");
  capturing_ = true;
  before_capture_ = std::exchange(work_, {});
}

Graph Stream::end_capture() {
  check(capturing_, Code::kDeviceFailed, "capturing a graph: none was started");
  capturing_ = false;
  return Graph(std::exchange(work_, std::exchange(before_capture_, {})));
}

void Event::record(Stream& stream) {
  stream_ = &stream;
  stream.submit([this] {
    time_ = std::chrono::steady_clock::now();
    stream_ = nullptr;
  });
}
void Event::wait() {
  if (stream_ != nullptr) stream_->synchronize();
}
float Event::milliseconds_since(const Event& earlier) const {
  return std::chrono::duration<float, std::milli>(time_ - earlier.time_).count();
}

void check_shape(const Shape& shape) {
  const size_t threads = size_t(shape.block.x) * shape.block.y * shape.block.z;
  const bool block = threads >= 1 && threads <= 1024;
  const bool grid = shape.grid.x >= 1 && shape.grid.y >= 1 && shape.grid.z >= 1 && shape.grid.x <= 0x7fffffffu && shape.grid.y <= 65535 &&
                    shape.grid.z <= 65535;
  check(block && grid, Code::kDeviceFailed, "launching a kernel: an invalid grid or block");
  check(shape.shared_bytes <= emulator::config().block_shared_bytes, Code::kDeviceFailed, "launching a kernel: too much shared memory");
}

namespace {

uint3 block_index(uint64_t i, const dim3& grid) {
  return {unsigned(i % grid.x), unsigned(i / grid.x % grid.y), unsigned(i / (uint64_t(grid.x) * grid.y))};
}

// The n-th block to start. Random: an odd multiplier visits every number below a power of two once; those past the end are left out.
uint64_t block_at(uint64_t n, uint64_t blocks, uint64_t steps) {
  const emulator::Config& config = emulator::config();
  if (config.order == emulator::Order::kReverse) return blocks - 1 - n;
  return config.order == emulator::Order::kRandom ? (n * (config.seed * 8 + 5) + config.seed) % steps : n;
}

}  // namespace

void run_grid(const Shape& shape, const std::function<void()>& body) {
  emulator::Config& config = emulator::config();
  if (config.launches_until_fault == 0) throw emulator::Fault("a kernel failed because the test asked for it");
  if (config.launches_until_fault > 0) config.launches_until_fault--;
  const uint64_t blocks = uint64_t(shape.grid.x) * shape.grid.y * shape.grid.z;
  uint64_t steps = blocks;  // numbers that block_at() visits
  if (config.order == emulator::Order::kRandom)
    for (steps = 1; steps < blocks;) steps *= 2;
  std::atomic<uint64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      emulator::Block block(shape.grid, shape.block, shape.shared_bytes, body);
      for (uint64_t n; (n = next++) < steps;) {
        const uint64_t i = block_at(n, blocks, steps);
        if (i < blocks) block.run(block_index(i, shape.grid), (config.seed + i) * 0x9E3779B97F4A7C15ull);
      }
    } catch (...) {
      next = steps;
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  constexpr uint64_t kThreadsWorthSharing = 8192;  // emulated ones: some milliseconds
  const uint64_t threads = blocks * shape.block.x * shape.block.y * shape.block.z;
  const unsigned cores = threads < kThreadsWorthSharing ? 1 : std::max(1u, std::thread::hardware_concurrency());
  const uint64_t workers = std::min<uint64_t>(blocks, config.os_threads > 0 ? unsigned(config.os_threads) : cores);
  std::vector<std::thread> others;
  for (uint64_t i = 1; i < workers; i++) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace ragdraft::gpu
