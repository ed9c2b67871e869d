// Huge pages of file mappings. A product reads all weights, gigabytes; in pages of 4 KiB the look-ups of their addresses cost a tenth
// of the memory's bandwidth. Linux maps files in huge pages on request (MADV_HUGEPAGE) if the file system keeps its cache in large
// pieces (ext4 since 6.16, XFS before) and the pieces that are there already are large: so it has to be asked what it did.
#pragma once
#include <cstddef>

namespace ragdraft::io {

// Whether the mapping that starts at `data` is in huge pages. Reads its first 16 MiB to find out. True outside Linux, and for mappings
// below 4 MiB, where nothing is to be gained.
bool in_huge_pages(const std::byte* data, size_t bytes);

}  // namespace ragdraft::io
