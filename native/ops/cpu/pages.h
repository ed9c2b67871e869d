// Memory in whole pages, straight from the operating system (pages_posix.cc, pages_windows.cc).
#pragma once
#include <cstddef>
#include <optional>

namespace ragdraft::ops {

size_t page_bytes();
// Zeroed pages that nobody has touched; nullptr where there is no more address space or none may be committed.
std::byte* map_pages(size_t bytes) noexcept;
// Of what map_pages() gave, all of it.
void unmap_pages(std::byte* pages, size_t bytes) noexcept;
// In huge pages, please. Without them the memory only is slower.
void prefer_huge_pages(std::byte* start, size_t bytes) noexcept;
// Bytes that can be had without swapping; nothing where the system does not tell.
std::optional<double> available_memory();

}  // namespace ragdraft::ops
