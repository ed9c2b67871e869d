#include "kv/page_pool.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace ragdraft::kv {
namespace {
// What a growth without reservation takes: few mappings, and huge pages where the system grants them.
constexpr size_t kSlabBytes = size_t{32} << 20;
size_t index(PageId page) { return static_cast<size_t>(page); }
}  // namespace

PagePool::PagePool(size_t page_bytes, std::shared_ptr<Memory> memory) : page_bytes_(page_bytes), memory_(std::move(memory)) {
  check(page_bytes > 0, Code::kInternal, "a KV page has no bytes");
}

void PagePool::grow(size_t pages) {
  // One allocation, so that the backend compares all of it with the memory that is left: a reservation that cannot be kept fails
  // here, not in the middle of a document.
  check(pages <= std::numeric_limits<size_t>::max() / page_bytes_, Code::kOutOfMemory, "more KV pages than can be addressed");
  std::shared_ptr<std::byte[]> slab = memory_->allocate(pages * page_bytes_);
  pages_.reserve(pages_.size() + pages);  // what may throw comes first: the free list must not name memory that is gone
  free_.reserve(free_.size() + pages);
  slabs_.push_back(slab);
  for (size_t i = 0; i < pages; i++) {
    free_.push_back(static_cast<PageId>(pages_.size()));
    pages_.push_back({slab.get() + i * page_bytes_, 0, true});
  }
}

void PagePool::reserve(size_t pages) {
  const std::lock_guard lock(mutex_);
  if (free_.size() < pages) grow(pages - free_.size());
}

PageId PagePool::acquire() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) grow(std::clamp<size_t>(kSlabBytes / page_bytes_, 1, 8));
  const PageId id = free_.back();
  Page& page = pages_[index(id)];
  // Masked keys are multiplied by an exact 0: what an earlier owner left must at least be finite, so it goes.
  if (!page.clean) memory_->zero(page.data, page_bytes_);  // may throw: the page is still free
  free_.pop_back();
  page.references = 1;
  page.clean = false;
  return id;
}

void PagePool::retain(PageId id) {
  const std::lock_guard lock(mutex_);
  pages_[index(id)].references++;
}

void PagePool::release(PageId id) {
  const std::lock_guard lock(mutex_);
  Page& page = pages_[index(id)];
  check(page.references > 0, Code::kInternal, "a KV page was released twice");
  if (--page.references == 0) free_.push_back(id);
}

bool PagePool::shared(PageId id) const {
  const std::lock_guard lock(mutex_);
  return pages_[index(id)].references > 1;
}

std::byte* PagePool::data(PageId id) const {
  const std::lock_guard lock(mutex_);
  return pages_[index(id)].data;
}

size_t PagePool::free_pages() const {
  const std::lock_guard lock(mutex_);
  return free_.size();
}

size_t PagePool::total_pages() const {
  const std::lock_guard lock(mutex_);
  return pages_.size();
}

void PagePool::check_integrity(const std::vector<PageId>& held) const {
  const std::lock_guard lock(mutex_);
  std::vector<uint32_t> counted(pages_.size());
  for (PageId id : held) {
    check(index(id) < pages_.size(), Code::kInternal, "a page table names a page that does not exist");
    counted[index(id)]++;
  }
  std::vector<bool> free(pages_.size());
  for (PageId id : free_) {
    check(!free[index(id)], Code::kInternal, "a page is twice in the free list");
    free[index(id)] = true;
  }
  for (size_t i = 0; i < pages_.size(); i++) {
    check(pages_[i].references == counted[i], Code::kInternal, "a page's reference count differs from its page tables");
    check(free[i] == (counted[i] == 0), Code::kInternal, "a page is both used and free, or neither");
  }
}

}  // namespace ragdraft::kv
