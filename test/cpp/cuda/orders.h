// A test's kernels again and again: on the emulated device in other orders of blocks and threads, on a GPU as the GPU likes.
#pragma once
#include <string>

#include "ops/cuda/gpu.h"

namespace testing {

#if defined(__CUDACC__)

// A race that the hardware decides shows now and then only.
template <class Test>
void for_all_orders(const Test& test) {
  for (const char* run : {"first run", "second run", "third run"}) test(std::string(run));
}

#else

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

#endif

}  // namespace testing
