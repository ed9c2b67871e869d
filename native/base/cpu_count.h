// How many CPUs this process may use (cpu_count_posix.cc, cpu_count_windows.cc).
#pragma once

namespace ragdraft {

// Of those it is bound to, as many as its share of time is worth, rounded up. At least 1.
int available_cpus();

}  // namespace ragdraft
