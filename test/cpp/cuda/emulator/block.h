// One block of a grid: its threads as fibers, its barrier, the meetings of its warps, its shared memory. Runs on one OS thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "emulator/config.h"
#include "emulator/fiber.h"
#include "emulator/words.h"

namespace ragdraft::emulator {

class Block;

struct AsyncCopy {
  void* to;
  const void* from;  // nullptr: zeros
};

struct Thread {
  Context context;
  Block* block = nullptr;
  uint3 index{};
  unsigned warp = 0, lane = 0;
  const char* where = "start";  // it waits there
  bool done = false;
  std::deque<std::vector<AsyncCopy>> groups;  // cp.async: closed groups, oldest first
  std::vector<AsyncCopy> open_group;
};
inline thread_local Thread* current = nullptr;  // the fiber that runs on this OS thread

// One operation in which lanes of a warp exchange values.
struct Meeting {
  uint32_t mask = 0, arrived = 0;
  int leaving = 0;  // lanes that have not read yet
  const char* operation = nullptr;
  alignas(16) unsigned char slot[32][32];
  std::vector<Thread*> waiting;
};

// Throws Fault with the running thread's place.
[[noreturn]] void fail(const std::string& what);

class Block {
 public:
  Block(dim3 grid, dim3 size, size_t shared_bytes, const std::function<void()>& body);
  // Runs all threads to their end. Throws Fault: a deadlock, divergence, or what a thread threw.
  void run(uint3 index, uint64_t seed);

  // Of the running thread.
  void synchronise(const char* where);
  Meeting& meet(uint32_t mask, const char* operation, const void* value, size_t bytes);
  void leave(Meeting& meeting);

  unsigned char* dynamic_shared() { return dynamic_.get(); }
  // Memory of the block by type, poisoned when the block starts.
  void* shared(std::type_index type, size_t bytes);

  uint3 index{};
  const dim3 grid, size;

 private:
  struct Release {
    void operator()(unsigned char* p) const;
  };
  using Memory = std::unique_ptr<unsigned char, Release>;
  static Memory poisoned(size_t bytes);
  static void entry();

  void start_threads();
  void shuffle(std::vector<Thread*>& threads);
  void wake(std::vector<Thread*> threads);
  void wait(const char* where);  // until somebody wakes the running thread
  void open_barrier();
  std::string deadlock() const;

  const std::function<void()>& body_;
  const size_t dynamic_bytes_;
  std::vector<Thread> threads_;
  std::vector<Stack> stacks_;
  std::vector<std::vector<std::unique_ptr<Meeting>>> meetings_;  // under way, by warp
  std::vector<std::unique_ptr<Meeting>> idle_meetings_;
  std::deque<Thread*> ready_;
  std::vector<Thread*> at_barrier_;
  size_t alive_ = 0;
  Memory dynamic_;
  std::vector<std::pair<std::type_index, Memory>> shared_;
  Context scheduler_;
  std::string error_;
  uint64_t random_ = 1;
};

}  // namespace ragdraft::emulator

#define threadIdx (ragdraft::emulator::current->index)
#define blockIdx (ragdraft::emulator::current->block->index)
#define blockDim (ragdraft::emulator::current->block->size)
#define gridDim (ragdraft::emulator::current->block->grid)
#define RAGDRAFT_EMULATOR_TEXT_(x) #x
#define RAGDRAFT_EMULATOR_TEXT(x) RAGDRAFT_EMULATOR_TEXT_(x)
#define __syncthreads() \
  ragdraft::emulator::current->block->synchronise("__syncthreads " __FILE__ ":" RAGDRAFT_EMULATOR_TEXT(__LINE__))

namespace ragdraft::gpu {

template <class T>
T& shared() {
  static_assert(alignof(T) <= 128);
  return *static_cast<T*>(emulator::current->block->shared(typeid(T), sizeof(T)));
}
inline unsigned char* dynamic_shared() { return emulator::current->block->dynamic_shared(); }

}  // namespace ragdraft::gpu
