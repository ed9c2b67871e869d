// Reference-counted pages of one size, cut from slabs that are allocated on demand and kept until the pool dies.
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
  // memory: the backend's; kept for the life of the pool.
  PagePool(size_t page_bytes, std::shared_ptr<Memory> memory);

  // Makes sure that `pages` free pages exist. Throws kOutOfMemory.
  void reserve(size_t pages);
  // A page of zeros with one reference. Throws kOutOfMemory, and what the memory throws.
  PageId acquire();
  void retain(PageId page);   // one reference more
  void release(PageId page);  // one less; the last one frees the page
  bool shared(PageId page) const;  // more than one reference
  // Stable until the pool dies. The bytes, in memory(), may be read and written by whoever holds a reference.
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
    bool clean;  // still the allocator's zeros
  };
  void grow(size_t pages);  // lock held

  const size_t page_bytes_;
  const std::shared_ptr<Memory> memory_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<std::byte[]>> slabs_;
  std::vector<Page> pages_;
  std::vector<PageId> free_;
};

}  // namespace ragdraft::kv
