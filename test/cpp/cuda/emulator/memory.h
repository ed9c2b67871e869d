// The emulated device's memory. Each allocation ends at an unmapped page, starts behind one, and can be reached only while the
// device works: host code that follows a device pointer, and a kernel that leaves its array, stop the program there and then.
#pragma once
#include <cstddef>

namespace ragdraft::emulator {

// While one exists, device memory can be read and written. Nests.
class DeviceAccess {
 public:
  DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
  ~DeviceAccess();
};

size_t device_bytes_in_use();  // what is allocated and not yet released

}  // namespace ragdraft::emulator

namespace ragdraft::gpu {

struct MemoryInfo {
  size_t free, total;
};
MemoryInfo memory_info();
void* allocate(size_t bytes);  // filled with NaNs; 16-byte aligned (CUDA: 256), so that the array ends where its last page does
void release(void* p) noexcept;
void* allocate_host(size_t bytes);
void release_host(void* p) noexcept;

}  // namespace ragdraft::gpu
