#include <windows.h>

#include "ops/cpu/pages.h"

namespace ragdraft::ops {

size_t page_bytes() {
  SYSTEM_INFO system;
  GetSystemInfo(&system);
  return system.dwPageSize;
}

std::byte* map_pages(size_t bytes) noexcept {
  return static_cast<std::byte*>(VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void unmap_pages(std::byte* pages, size_t) noexcept { VirtualFree(pages, 0, MEM_RELEASE); }

// Large pages are for users with the right to lock memory, few have it.
void prefer_huge_pages(std::byte*, size_t) noexcept {}

std::optional<double> available_memory() {
  MEMORYSTATUSEX status;
  status.dwLength = sizeof status;
  if (!GlobalMemoryStatusEx(&status)) return std::nullopt;
  return double(status.ullAvailPhys);
}

}  // namespace ragdraft::ops
