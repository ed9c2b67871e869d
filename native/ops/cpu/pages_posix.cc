#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <string>

#include "ops/cpu/pages.h"

namespace ragdraft::ops {

size_t page_bytes() { return size_t(sysconf(_SC_PAGESIZE)); }

std::byte* map_pages(size_t bytes) noexcept {
  void* mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mapping == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapping);
}

void unmap_pages(std::byte* pages, size_t bytes) noexcept { munmap(pages, bytes); }

void prefer_huge_pages(std::byte* start, size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
  madvise(start, bytes, MADV_HUGEPAGE);
#else
  (void)start, (void)bytes;
#endif
}

// "MemAvailable:   24267208 kB": what the kernel can hand out without swapping. Linux alone says so.
std::optional<double> available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (double value; file >> key >> value; file.ignore(std::numeric_limits<std::streamsize>::max(), '\n'))
    if (key == "MemAvailable:") return value * 1024;
  return std::nullopt;
}

}  // namespace ragdraft::ops
