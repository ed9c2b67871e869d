#include "base/control_group.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

namespace ragdraft {
namespace {

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

// "max", negative numbers and what is no number at all: no limit.
std::optional<double> number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || !(value >= 0)) return std::nullopt;
  return value;
}

std::optional<double> number_in(const std::string& path) {
  const std::optional<std::string> line = first_line(path);
  return line ? number(*line) : std::nullopt;
}

// Value of "key value" in a statistics file, 0 if absent.
double field(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string name;
  for (double value; file >> name >> value;)
    if (name == key) return value;
  return 0;
}

// The process's group folder of one controller and all its ancestors, inside out. In a container the path of
// /proc/self/cgroup may be one of the host's; the folders that do not exist are skipped by their readers.
struct Hierarchy {
  bool version2 = false;
  std::vector<std::string> folders;
};

Hierarchy hierarchy(const std::string& root, const std::string& controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string mount, path;
  Hierarchy result;
  // Lines "id:controller,controller:path"; version 2 is "0::path". A controller of version 1 wins: it is in use there.
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (names.empty() && path.empty()) {
      mount = root + "/sys/fs/cgroup";
      path = line.substr(second + 1);
      result.version2 = true;
    } else if (("," + names + ",").find("," + controller + ",") != std::string::npos) {
      mount = root + "/sys/fs/cgroup/" + controller;
      path = line.substr(second + 1);
      result.version2 = false;
      break;
    }
  }
  if (path.empty()) return result;
  while (path.size() > 1) {
    result.folders.push_back(mount + path);
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  result.folders.push_back(mount);
  return result;
}

std::optional<double> cpus_of(const std::string& folder, bool version2) {
  std::optional<double> quota, period;
  if (version2) {
    const std::optional<std::string> line = first_line(folder + "/cpu.max");  // "max 100000" or "150000 100000"
    if (!line) return std::nullopt;
    std::istringstream words(*line);
    std::string a, b;
    words >> a >> b;
    quota = number(a);
    period = number(b);
  } else {
    quota = number_in(folder + "/cpu.cfs_quota_us");  // -1: no limit
    period = number_in(folder + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

std::optional<double> free_memory_of(const std::string& folder, bool version2) {
  const std::optional<double> limit = number_in(folder + (version2 ? "/memory.max" : "/memory.limit_in_bytes"));
  const std::optional<double> used = number_in(folder + (version2 ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  const std::string statistics = folder + "/memory.stat", prefix = version2 ? "" : "total_";
  const double cache = field(statistics, prefix + "active_file") + field(statistics, prefix + "inactive_file");
  return std::max(0.0, *limit - std::max(0.0, *used - cache));
}

template <class Reader>
std::optional<double> tightest(const Hierarchy& groups, Reader read) {
  std::optional<double> result;
  for (const std::string& folder : groups.folders)
    if (const std::optional<double> value = read(folder, groups.version2)) result = result ? std::min(*result, *value) : *value;
  return result;
}

}  // namespace

std::optional<double> control_group_cpus(const std::string& root) { return tightest(hierarchy(root, "cpu"), cpus_of); }

std::optional<uint64_t> control_group_free_memory(const std::string& root) {
  const std::optional<double> bytes = tightest(hierarchy(root, "memory"), free_memory_of);
  if (!bytes || *bytes >= 9e18) return std::nullopt;  // version 1 writes "no limit" as a number near 2^63
  return uint64_t(*bytes);
}

}  // namespace ragdraft
