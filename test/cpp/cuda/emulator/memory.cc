#include "emulator/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "base/error.h"
#include "emulator/config.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, bytes)
#define ASAN_UNPOISON_MEMORY_REGION(p, bytes)
#endif

namespace ragdraft {
namespace {

struct Allocation {
  char* mapping;   // one guard page, the array's pages, one guard page
  size_t mapped, bytes;
};

struct Device {
  std::mutex mutex;
  std::map<void*, Allocation> allocations;
  size_t in_use = 0;
  int accesses = 0;
};
Device& device() {
  static Device one;
  return one;
}

size_t page_bytes() { return size_t(sysconf(_SC_PAGESIZE)); }

void protect(const Allocation& a, int protection) { mprotect(a.mapping + page_bytes(), a.mapped - 2 * page_bytes(), protection); }

}  // namespace

namespace emulator {

DeviceAccess::DeviceAccess() {
  const std::lock_guard lock(device().mutex);
  if (device().accesses++ > 0) return;
  for (const auto& [p, a] : device().allocations) protect(a, PROT_READ | PROT_WRITE);
}

DeviceAccess::~DeviceAccess() {
  const std::lock_guard lock(device().mutex);
  if (--device().accesses > 0) return;
  for (const auto& [p, a] : device().allocations) protect(a, PROT_NONE);
}

size_t device_bytes_in_use() {
  const std::lock_guard lock(device().mutex);
  return device().in_use;
}

}  // namespace emulator

namespace gpu {

MemoryInfo memory_info() {
  const size_t total = emulator::config().memory_bytes, used = emulator::device_bytes_in_use();
  return {total > used ? total - used : 0, total};
}

void* allocate(size_t bytes) {
  constexpr size_t kAlignment = 16;
  const std::lock_guard lock(device().mutex);
  const size_t limit = emulator::config().memory_bytes;
  if (bytes > limit || device().in_use > limit - bytes) throw Error(Code::kOutOfMemory, "allocating device memory: the emulated device is full");
  const size_t page = page_bytes(), rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const size_t mapped = (rounded + page - 1) / page * page + 2 * page;
  void* mapping = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw Error(Code::kOutOfMemory, "allocating device memory: no address space");
  const Allocation a{static_cast<char*>(mapping), mapped, bytes};
  protect(a, PROT_READ | PROT_WRITE);
  char* const p = a.mapping + mapped - page - rounded;
  std::memset(p, 0xff, bytes);
  // What lies between the guard pages and the array.
  ASAN_POISON_MEMORY_REGION(a.mapping + page, size_t(p - a.mapping) - page);
  ASAN_POISON_MEMORY_REGION(p + bytes, rounded - bytes);
  if (device().accesses == 0) protect(a, PROT_NONE);
  device().allocations.emplace(p, a);
  device().in_use += bytes;
  return p;
}

void release(void* p) noexcept {
  if (p == nullptr) return;
  const std::lock_guard lock(device().mutex);
  const auto at = device().allocations.find(p);
  if (at == device().allocations.end()) std::abort();  // twice, or never allocated
  ASAN_UNPOISON_MEMORY_REGION(at->second.mapping, at->second.mapped);
  munmap(at->second.mapping, at->second.mapped);
  device().in_use -= at->second.bytes;
  device().allocations.erase(at);
}

void* allocate_host(size_t bytes) {
  void* p = std::malloc(bytes);
  if (p == nullptr) throw Error(Code::kOutOfMemory, "allocating pinned memory");
  return p;
}
void release_host(void* p) noexcept { std::free(p); }

}  // namespace gpu
}  // namespace ragdraft
