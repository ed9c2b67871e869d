// A sequence of tokens in a paged cache: a page table and a length. Pages are shared between forks and copied on write.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "kv/layout.h"
#include "kv/page_pool.h"

namespace ragdraft::kv {

// Where the sequences of one model and KV type keep their pages.
struct Cache {
  Cache(KvLayout layout, std::shared_ptr<Memory> memory) : layout(layout), pool(layout.page_bytes(), std::move(memory)) {}
  const KvLayout layout;
  PagePool pool;
};

// Not thread-safe: one user at a time (the engine marks a sequence busy while a request runs on it).
class Sequence {
 public:
  // Reserves memory for max_tokens. Throws kOutOfMemory, kInvalidArgument.
  Sequence(std::shared_ptr<Cache> cache, int max_tokens);
  ~Sequence();
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  int length() const { return length_; }
  int max_tokens() const { return max_tokens_; }
  const KvLayout& layout() const { return cache_->layout; }
  const std::vector<PageId>& page_table() const { return table_; }
  // Memory of the pages in the table, shared ones counted in full.
  size_t bytes() const { return table_.size() * cache_->layout.page_bytes(); }

  // Shares all pages that hold tokens. Same max_tokens; memory for what will be appended is not reserved.
  std::unique_ptr<Sequence> fork() const;

  // Makes positions [length, length + count) writable, copying shared pages; returns the page pointers of [0, length + count).
  // The length stays: advance() commits. Throws kContextOverflow, kOutOfMemory; then nothing has changed for readers.
  std::byte* const* prepare_append(int count);
  // count: at most what prepare_append() made writable.
  void advance(int count) { length_ += count; }
  // Forgets all positions from `length` (0..length()) on. O(1): the pages stay for what comes next. Throws kInvalidArgument.
  void truncate(int length);

  // For timing long contexts without reading them: copies of the pages of [0, length()), a whole number of pages, up to `length` positions.
  // Keys keep the rotation of the positions they were written at. Throws kContextOverflow, kOutOfMemory, kInvalidArgument.
  void repeat(int length);

  // FNV-1a over keys and values (kQ8: and their scales) of [0, length), all layers, in token order; what lies beyond does not count.
  uint64_t fingerprint() const;

 private:
  std::shared_ptr<Cache> cache_;
  std::vector<PageId> table_;
  std::vector<std::byte*> pages_;  // pages_[i] = data of table_[i]
  int length_ = 0;
  int max_tokens_;
};

}  // namespace ragdraft::kv
