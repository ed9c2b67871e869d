// What a container leaves to this process (Linux control groups, versions 1 and 2). Without limits, or elsewhere: nothing.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace ragdraft {

// root: "" for this machine; tests give a folder with files under /proc and /sys.
// CPUs of the tightest quota among the process's group and its ancestors, e.g. 1.5.
std::optional<double> control_group_cpus(const std::string& root = "");
// Bytes that may still be taken before the tightest memory limit; file cache counts as free.
std::optional<uint64_t> control_group_free_memory(const std::string& root = "");

}  // namespace ragdraft
