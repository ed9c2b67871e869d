// Sequences and their pages for tests of operations: every sequence owns a page table over one allocation of a backend.
#pragma once
#include <cstring>
#include <memory>
#include <vector>

#include "data_seed.h"
#include "ops/backend.h"

namespace fixture {

struct Sequence {
  std::vector<std::byte*> pages;
};

// `count` sequences of up to `max_tokens` tokens each. Pages of the sequences are interleaved in memory: neighbours in a
// sequence are no neighbours in memory.
class Cache {
 public:
  Cache(ragdraft::ops::Backend& backend, const ragdraft::kv::KvLayout& layout, int count, int max_tokens) : layout_(layout) {
    const size_t pages = size_t(max_tokens + ragdraft::kPageTokens - 1) / ragdraft::kPageTokens;
    bytes_ = pages * size_t(count) * layout.page_bytes();
    memory_ = backend.memory()->allocate(bytes_);
    sequences_.resize(size_t(count));
    for (size_t i = 0; i < pages; i++) {
      for (size_t s = 0; s < size_t(count); s++) {
        sequences_[s].pages.push_back(memory_.get() + (i * size_t(count) + s) * layout.page_bytes());
      }
    }
  }

  const ragdraft::kv::KvLayout& layout() const { return layout_; }
  // `rows` rows of `sequence` from `first_position` on, which are rows first_row.. of the batch.
  ragdraft::kv::KvSpan span(int sequence, int first_row, int rows, ragdraft::Position first_position) const {
    return {sequences_[size_t(sequence)].pages.data(), first_row, rows, first_position};
  }
  bool same_bytes(const Cache& other) const {
    return bytes_ == other.bytes_ && std::memcmp(memory_.get(), other.memory_.get(), bytes_) == 0;
  }
  void copy_from(const Cache& other) { std::memcpy(memory_.get(), other.memory_.get(), bytes_); }
  std::byte* page(int sequence, int index) { return sequences_[size_t(sequence)].pages[size_t(index)]; }

 private:
  ragdraft::kv::KvLayout layout_;
  size_t bytes_ = 0;
  std::shared_ptr<std::byte[]> memory_;
  std::vector<Sequence> sequences_;
};

// Deterministic values in [-1, 1), roughly uniform.
inline std::vector<float> random_values(size_t count, uint64_t seed, float amplitude = 1) {
  std::vector<float> values(count);
  uint64_t state = (seed + testing::data_seed()) * 0x9e3779b97f4a7c15u + 0x1234567u;
  for (float& value : values) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t x = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    value = amplitude * (float((x ^ (x >> 31)) >> 40) / 8388608.0f - 1.0f);
  }
  return values;
}

}  // namespace fixture
