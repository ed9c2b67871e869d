// Memory where a backend computes. The host may not follow pointers into it, unless it is HostMemory.
#pragma once
#include <cstddef>
#include <cstring>
#include <memory>

namespace ragdraft {

// Thread-safe. What is asked for happens in the order of the calls, the backend's operations among them; when a call returns, the host
// memory that it was given has been read or written.
class Memory {
 public:
  virtual ~Memory() = default;
  // Whether it is the process's own.
  virtual bool is_host() const { return false; }
  // Zero-initialised, 64-byte aligned. Throws kOutOfMemory.
  virtual std::shared_ptr<std::byte[]> allocate(size_t bytes) = 0;
  // Within this memory; from and to do not overlap.
  virtual void copy(std::byte* to, const std::byte* from, size_t bytes) = 0;
  virtual void zero(std::byte* to, size_t bytes) = 0;
  // From and to the host's memory.
  virtual void upload(void* to, const void* from, size_t bytes) = 0;
  virtual void download(void* to, const void* from, size_t bytes) = 0;
};

// The process's own.
class HostMemory : public Memory {
 public:
  bool is_host() const final { return true; }
  void copy(std::byte* to, const std::byte* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void zero(std::byte* to, size_t bytes) override { std::memset(to, 0, bytes); }
  void upload(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void download(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
};

}  // namespace ragdraft
