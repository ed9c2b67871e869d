// Shuffles, votes and the barrier of a warp; atomics.
#pragma once
#include <atomic>
#include <cstdint>

#include "emulator/block.h"

namespace ragdraft::emulator {

// The running lane's part in a meeting: its value goes in, the others' can be read until it is destroyed.
class Exchange {
 public:
  template <class T>
  Exchange(uint32_t mask, const char* operation, const T& value) : meeting_(current->block->meet(mask, operation, &value, sizeof value)) {
    static_assert(sizeof(T) <= sizeof meeting_.slot[0]);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() { current->block->leave(meeting_); }
  template <class T>
  const T& of(unsigned lane) const {
    return *reinterpret_cast<const T*>(meeting_.slot[lane]);
  }
  bool has(unsigned lane) const { return meeting_.mask >> lane & 1; }

 private:
  Meeting& meeting_;
};

// What `lane` gave; a lane outside the mask has nothing defined to give.
template <class T>
T value_of(const Exchange& exchange, const char* operation, unsigned lane) {
  if (!exchange.has(lane)) fail(std::string(operation) + ": reads a lane that is not in the mask");
  return exchange.of<T>(lane);
}

template <class T>
T shuffle_value(uint32_t mask, const char* operation, const T& value, unsigned lane) {
  const Exchange exchange(mask, operation, value);
  return value_of<T>(exchange, operation, lane < 32 ? lane : current->lane);
}

}  // namespace ragdraft::emulator

inline void __syncwarp(uint32_t mask = 0xffffffffu) { ragdraft::emulator::Exchange(mask, "__syncwarp", char{}); }

template <class T>
T __shfl_sync(uint32_t mask, T value, int lane) {
  return ragdraft::emulator::shuffle_value(mask, "__shfl_sync", value, unsigned(lane) & 31);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lanes) {
  return ragdraft::emulator::shuffle_value(mask, "__shfl_xor_sync", value, ragdraft::emulator::current->lane ^ unsigned(lanes));
}
template <class T>
T __shfl_down_sync(uint32_t mask, T value, unsigned lanes) {
  return ragdraft::emulator::shuffle_value(mask, "__shfl_down_sync", value, ragdraft::emulator::current->lane + lanes);
}
template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned lanes) {
  return ragdraft::emulator::shuffle_value(mask, "__shfl_up_sync", value, ragdraft::emulator::current->lane - lanes);
}
inline uint32_t __ballot_sync(uint32_t mask, int predicate) {
  const ragdraft::emulator::Exchange exchange(mask, "__ballot_sync", predicate);
  uint32_t votes = 0;
  for (unsigned lane = 0; lane < 32; lane++)
    if (exchange.has(lane) && exchange.of<int>(lane) != 0) votes |= 1u << lane;
  return votes;
}
inline int __any_sync(uint32_t mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(uint32_t mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }

template <class T>
T atomicAdd(T* p, T value) {
  return std::atomic_ref<T>(*p).fetch_add(value);
}
template <class T>
T atomicExch(T* p, T value) {
  return std::atomic_ref<T>(*p).exchange(value);
}
template <class T>
T atomicCAS(T* p, T expected, T value) {
  std::atomic_ref<T>(*p).compare_exchange_strong(expected, value);
  return expected;
}
template <class T>
T atomicMax(T* p, T value) {
  std::atomic_ref<T> target(*p);
  T old = target.load();
  while (old < value && !target.compare_exchange_weak(old, value)) {}
  return old;
}
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_block() {}
