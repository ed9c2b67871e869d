#include <windows.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/cpu_count.h"

namespace ragdraft {
namespace {

// A process in several groups of 64 CPUs has no one mask (both are 0): it may use all.
int bound_cpus(int all) {
  DWORD_PTR process = 0, system = 0;
  if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &system) || process == 0) return all;
  return process == system ? all : std::popcount(process);
}

// The share of all CPUs' time that the process's job (a container is one) may take at most.
double job_share() {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate{};
  if (!QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &rate, sizeof rate, nullptr)) return 1;
  constexpr DWORD kHardCap = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
  return (rate.ControlFlags & kHardCap) == kHardCap ? rate.CpuRate / 10000.0 : 1;
}

}  // namespace

int available_cpus() {
  const int all = int(GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
  return std::max(1, std::min(bound_cpus(all), int(std::ceil(job_share() * all))));
}

}  // namespace ragdraft
