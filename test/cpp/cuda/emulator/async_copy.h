// cp.async, late on purpose: the bytes arrive only at the wait, so that a missing or too weak one reads what was there before.
#pragma once
#include <cstring>
#include <utility>

#include "emulator/block.h"

namespace ragdraft::gpu {

inline void cp_async16(void* to, const void* from, bool valid) {
  if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % 16 != 0) emulator::fail("cp.async: not aligned to 16 bytes");
  emulator::current->open_group.push_back({to, valid ? from : nullptr});
}
inline void cp_async16_stream(void* to, const void* from, bool valid) { cp_async16(to, from, valid); }
inline void cp_async_commit() { emulator::current->groups.push_back(std::exchange(emulator::current->open_group, {})); }
template <int N>
void cp_async_wait() {
  auto& groups = emulator::current->groups;
  while (groups.size() > size_t(N)) {
    for (const emulator::AsyncCopy& copy : groups.front()) {
      if (copy.from != nullptr) std::memcpy(copy.to, copy.from, 16);
      else std::memset(copy.to, 0, 16);
    }
    groups.pop_front();
  }
}

}  // namespace ragdraft::gpu
