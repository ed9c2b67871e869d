// How the emulator runs what it is given. Tests set it before they launch.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace ragdraft::emulator {

// In which order blocks run, and threads that may run: a kernel that depends on it lacks a barrier or an atomic.
enum class Order { kForward, kReverse, kRandom };

struct Config {
  Order order = Order::kForward;
  uint64_t seed = 1;
  int os_threads = 0;                        // that run blocks side by side; 0: all cores for large grids, else one
  size_t memory_bytes = size_t{4} << 30;     // of the device
  size_t block_shared_bytes = 227 << 10;     // the most dynamic shared memory of a block
  int devices = 1;
  int launches_until_fault = -1;             // that still run; all further ones fail. Negative: none does
};
// Of the driver of whole processes, RAGDRAFT_EMULATED_DRIVER: "crash", "hang" and "empty" (no device) when devices are counted, "fault"
// after 200 kernels.
inline bool driver_is(const char* state) {
  const char* const wanted = std::getenv("RAGDRAFT_EMULATED_DRIVER");
  return wanted != nullptr && std::strcmp(wanted, state) == 0;
}
inline Config& config() {
  static Config value{.launches_until_fault = driver_is("fault") ? 200 : -1};
  return value;
}

// A kernel did what a GPU would not forgive.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace ragdraft::emulator
