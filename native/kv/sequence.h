// A sequence of tokens in a paged cache: a page table and a length. Pages are shared between forks and copied on write.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "kv/layout.h"
#include "kv/page_pool.h"

namespace ragdraft::kv {

// The pages of all sequences of one model and KV type.
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
  // Bytes of the pages in the table. Pages that are shared with other sequences count in full.
  size_t bytes() const { return table_.size() * cache_->layout.page_bytes(); }

  // A copy that shares all pages that hold tokens and has the same max_tokens. No memory is reserved for what will be appended to it.
  std::unique_ptr<Sequence> fork() const;

  // Makes positions [length, length + count) writable, copying shared pages; returns the page pointers of [0, length + count).
  // The length stays the same until advance(). Throws kContextOverflow, kOutOfMemory; the tokens of the sequence are then as before.
  std::byte* const* prepare_append(int count);
  // Makes the sequence `count` tokens longer, at most those that prepare_append() made writable.
  void advance(int count) { length_ += count; }
  // Forgets all positions from `length` (0..length()) on, in constant time: the pages are kept for the next tokens.
  // Throws kInvalidArgument.
  void truncate(int length);

  // Lengthens the sequence to `length` positions by copies of its own pages; length() must be a multiple of kPageTokens. This is for
  // timing long contexts without reading them: keys keep the rotation of the positions they were written at.
  // Throws kContextOverflow, kOutOfMemory, kInvalidArgument.
  void repeat(int length);

  // FNV-1a hash of the keys and values, and the scales of kQ8, of positions [0, length()) in all layers. What pages hold beyond them does
  // not count.
  uint64_t fingerprint() const;

 private:
  std::shared_ptr<Cache> cache_;
  std::vector<PageId> table_;
  std::vector<std::byte*> pages_;  // pages_[i] = data of table_[i]
  int length_ = 0;
  int max_tokens_;
};

}  // namespace ragdraft::kv
