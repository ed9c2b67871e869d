#include "io/huge_pages.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace ragdraft::io {

#if defined(__linux__)

namespace {

// Sum of the named lines ("FilePmdMapped:     59392 kB") of the mapping that starts at `data`, in KiB.
uint64_t mapped_kib(const std::byte* data, std::initializer_list<const char*> names) {
  char range[20];  // lines of the maps begin "7f0a40000000-7f0a8e800000 r--s", those of their figures with a capital letter
  std::snprintf(range, sizeof range, "%zx-", size_t(reinterpret_cast<uintptr_t>(data)));
  std::ifstream file("/proc/self/smaps");
  uint64_t sum = 0;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    const bool figure = line[0] >= 'A' && line[0] <= 'Z';
    if (!figure && inside) break;
    if (!figure) inside = line.rfind(range, 0) == 0;
    if (!figure || !inside) continue;
    std::istringstream words(line);
    std::string name;
    uint64_t kib = 0;
    words >> name >> kib;
    if (std::find(names.begin(), names.end(), name) != names.end()) sum += kib;
  }
  return sum;
}

}  // namespace

bool in_huge_pages(const std::byte* data, size_t bytes) {
  constexpr size_t kWorthIt = size_t(4) << 20, kSample = size_t(16) << 20, kSmallestPage = 4096;
  if (bytes < kWorthIt) return true;
  volatile std::byte sink{};
  for (size_t at = 0; at < std::min(bytes, kSample); at += kSmallestPage) sink = data[at];
  (void)sink;
  return mapped_kib(data, {"FilePmdMapped:", "ShmemPmdMapped:"}) >= mapped_kib(data, {"Rss:"}) / 2;
}

#else

bool in_huge_pages(const std::byte*, size_t) { return true; }

#endif

}  // namespace ragdraft::io
