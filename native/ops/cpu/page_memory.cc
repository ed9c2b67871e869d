#include "ops/cpu/page_memory.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/control_group.h"
#include "base/error.h"
#include "ops/cpu/pages.h"

namespace ragdraft::ops {
namespace {

// Blocks from this size on are worth huge pages and the look at what memory is left.
constexpr size_t kLargeBytes = size_t(4) << 20;
constexpr size_t kHugePage = size_t(2) << 20;

std::string mebibytes(double bytes) { return std::to_string(int64_t(bytes / 1048576.0)) + " MiB"; }

// Linux grants address space it has no memory for and kills the process when the pages are touched: refuse before.
void require_memory(size_t bytes) {
  std::optional<double> left = available_memory();
  if (const std::optional<uint64_t> group = control_group_free_memory()) left = std::min(left.value_or(double(*group)), double(*group));
  if (left && double(bytes) > *left)
    throw Error(Code::kOutOfMemory, "cannot allocate " + mebibytes(double(bytes)) + ": " + mebibytes(*left) + " are available");
}

}  // namespace

std::shared_ptr<std::byte[]> allocate_zeroed(size_t bytes) {
  const bool large = bytes >= kLargeBytes;
  // Huge pages as far as whole ones go: rounded up, the matrices of a model would take up to a tenth more than they hold. One more to align
  // with: a block that starts between two would lose its beginning to small pages.
  const size_t slack = large ? kHugePage : 0, unit = page_bytes();
  if (bytes > std::numeric_limits<size_t>::max() / 2) throw Error(Code::kOutOfMemory, "cannot allocate " + mebibytes(double(bytes)));
  const size_t size = (std::max<size_t>(bytes, 1) + unit - 1) / unit * unit;
  if (large) require_memory(size);
  std::byte* const mapping = map_pages(size + slack);
  if (!mapping) throw Error(Code::kOutOfMemory, "cannot allocate " + mebibytes(double(bytes)));
  std::byte* start = mapping;
  if (large) {
    start += (kHugePage - reinterpret_cast<uintptr_t>(start) % kHugePage) % kHugePage;
    prefer_huge_pages(start, size / kHugePage * kHugePage);
  }
  const auto unmap = [mapping, length = size + slack](std::byte*) { unmap_pages(mapping, length); };
  return std::shared_ptr<std::byte[]>(start, unmap);
}

std::byte* Scratch::reserve_bytes(size_t bytes) {
  if (bytes > bytes_) {
    memory_.reset();  // first, so that both never exist together
    bytes_ = 0;
    memory_ = allocate_zeroed(bytes);
    bytes_ = bytes;
  }
  return memory_.get();
}

}  // namespace ragdraft::ops
