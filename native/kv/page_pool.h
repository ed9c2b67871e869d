// A pool of reference-counted pages of one size. They are cut from slabs, which are allocated on demand and freed with the pool.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/memory.h"

namespace ragdraft::kv {

enum class PageId : uint32_t {};

// Thread-safe: sequences are forked and closed on JavaScript threads while the engine thread appends to others.
class PagePool {
 public:
  // memory: of the backend; the pool keeps it alive.
  PagePool(size_t page_bytes, std::shared_ptr<Memory> memory);

  // Makes sure that `pages` free pages exist. Throws kOutOfMemory.
  void reserve(size_t pages);
  // A page of zeros with one reference. Throws kOutOfMemory, and what the memory throws.
  PageId acquire();
  void retain(PageId page);        // adds a reference
  void release(PageId page);       // drops a reference; the last one frees the page
  bool shared(PageId page) const;  // whether it has more than one reference
  // The address in memory(), the same as long as the pool lives. Whoever holds a reference may read and write it.
  std::byte* data(PageId page) const;
  Memory& memory() const { return *memory_; }

  size_t page_bytes() const { return page_bytes_; }
  size_t free_pages() const;
  size_t total_pages() const;
  // Throws kInternal unless reference counts and the free list agree, and unless `held` (the page tables of all living
  // sequences, one entry per reference) accounts for every reference.
  void check_integrity(const std::vector<PageId>& held) const;

 private:
  struct Page {
    std::byte* data;
    uint32_t references;
    bool clean;  // it still holds the allocator's zeros
  };
  void grow(size_t pages);  // the caller holds mutex_

  const size_t page_bytes_;
  const std::shared_ptr<Memory> memory_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<std::byte[]>> slabs_;
  std::vector<Page> pages_;
  std::vector<PageId> free_;
};

}  // namespace ragdraft::kv
