// Tries the GPUs of this machine, in a process that may be lost by it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ragdraft::addon {

struct ProbedDevice {
  int index;
  std::string name, capability;  // "NVIDIA H200", "9.0"
  uint64_t total_bytes, free_bytes;
  std::string problem;  // why it cannot be used; empty if a kernel ran on it and gave what it should
};
struct CudaProbe {
  std::vector<ProbedDevice> devices;
  std::string reason;  // why there are none
};

// Never throws. A broken driver may crash the process, or never return: after `limit_seconds` the process ends itself.
CudaProbe probe_cuda(int limit_seconds);

}  // namespace ragdraft::addon
