// Zeroed, 64-byte aligned memory for weights, caches and activations.
#pragma once
#include <cstddef>
#include <memory>

#include "base/memory.h"

namespace ragdraft::ops {

// Pages straight from the system, in huge pages where it grants them. Freed with the last owner; at least 1 byte.
// Throws kOutOfMemory, for large blocks before the system overcommits: it compares with the memory that is left here.
std::shared_ptr<std::byte[]> allocate_zeroed(size_t bytes);

class PageMemory final : public HostMemory {
 public:
  std::shared_ptr<std::byte[]> allocate(size_t bytes) override { return allocate_zeroed(bytes); }
};

// Working memory that keeps its largest size. Contents do not survive reserve().
class Scratch {
 public:
  // `count` elements of T, 64-byte aligned, valid until the next call.
  template <class T>
  T* reserve(size_t count) {
    return reinterpret_cast<T*>(reserve_bytes(count * sizeof(T)));
  }

 private:
  std::byte* reserve_bytes(size_t bytes);
  std::shared_ptr<std::byte[]> memory_;
  size_t bytes_ = 0;
};

}  // namespace ragdraft::ops
