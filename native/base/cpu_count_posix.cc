#include <algorithm>
#include <cmath>
#include <optional>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "base/control_group.h"
#include "base/cpu_count.h"

namespace ragdraft {

int available_cpus() {
  int cpus = int(std::thread::hardware_concurrency());
#if defined(__linux__)
  // A machine may have more CPUs than cpu_set_t holds: grow the mask until the kernel accepts it.
  for (int capacity = 1024; capacity <= 1 << 18; capacity *= 4) {
    cpu_set_t* mask = CPU_ALLOC(capacity);
    if (mask == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool known = sched_getaffinity(0, bytes, mask) == 0;
    if (known) cpus = CPU_COUNT_S(bytes, mask);
    CPU_FREE(mask);
    if (known) break;
  }
#endif
  if (const std::optional<double> quota = control_group_cpus()) cpus = std::min(cpus, int(std::ceil(std::min(*quota, 1e6))));
  return std::max(cpus, 1);
}

}  // namespace ragdraft
