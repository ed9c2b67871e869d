// Reads of DRAM, which all else is held against.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "team.h"

namespace ragdraft::bench {

// Written once, so that every page is memory of its own; in huge pages where the system gives them. It must be several times the
// last-level cache: a cyclic scan of more than that holds hits nothing.
class ReadBuffer {
 public:
  explicit ReadBuffer(size_t bytes) : count_(bytes / sizeof(uint64_t)) {
    size_t space = bytes + kHugePage;
    memory_.reset(new std::byte[space]);
    void* start = memory_.get();
    words_ = static_cast<uint64_t*>(std::align(kHugePage, bytes, start, space));
#if defined(__linux__)
    madvise(words_, bytes, MADV_HUGEPAGE);  // a wish: without it the read is a little slower
#endif
    std::fill_n(words_, count_, uint64_t(1));
  }
  const uint64_t* words() const { return words_; }
  size_t count() const { return count_; }
  size_t bytes() const { return count_ * sizeof(uint64_t); }

 private:
  static constexpr size_t kHugePage = 2 << 20;
  size_t count_;
  std::unique_ptr<std::byte[]> memory_;
  uint64_t* words_ = nullptr;
};

// The sum of some words, read as one run of memory or as four side by side: which is faster depends on the prefetchers.
using ReadLoop = uint64_t (*)(const uint64_t* words, size_t count);

inline uint64_t read_one_stream(const uint64_t* words, size_t count) {
  uint64_t sum = 0;
  for (size_t k = 0; k < count; ++k) sum += words[k];
  return sum;
}

inline uint64_t read_four_streams(const uint64_t* words, size_t count) {
  const size_t part = count / 4;
  const uint64_t *a = words, *b = a + part, *c = b + part, *d = c + part;
  uint64_t sum = 0;
  for (size_t k = 0; k < part; ++k) sum += (a[k] + b[k]) + (c[k] + d[k]);
  return sum;
}

// Once through the buffer, a part for each thread: the shortest of `repeats`.
inline double best_read_seconds(const ReadBuffer& buffer, ReadLoop read, int threads, int repeats) {
  const size_t part = buffer.count() / size_t(threads);
  return shortest(repeats, threads, [&](int thread) {
    volatile uint64_t result = read(buffer.words() + size_t(thread) * part, part);
    (void)result;
  });
}

}  // namespace ragdraft::bench
