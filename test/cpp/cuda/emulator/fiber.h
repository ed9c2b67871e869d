// Threads that are switched by hand: a stack and a saved stack pointer.
#pragma once
#include <cstddef>

// Saves the callee's registers on the stack, the stack pointer in *save, and goes on where `load` was saved.
extern "C" void ragdraft_emulator_switch(void** save, void* load);

namespace ragdraft::emulator {

// A stack with an unmapped page below it. Not thread-safe; reused by the thread that owns it.
class Stack {
 public:
  Stack();
  Stack(Stack&& other) noexcept;
  Stack& operator=(Stack&&) = delete;
  ~Stack();
  // Makes it ready for a new fiber that starts in `entry`; what an abandoned one left is forgotten. Returns its stack pointer.
  void* prepare(void (*entry)());
  const void* bottom() const { return bytes_; }
  static size_t size();

 private:
  struct Kept;
  static void unmap(char* bytes);
  char* bytes_;
};

// A fiber's side of a switch. `fake`: AddressSanitizer's own record of that stack.
struct Context {
  void* stack_pointer = nullptr;
  void* fake = nullptr;
  const void* bottom = nullptr;
  size_t size = 0;
};
// Leaves `from` for `to`; returns when somebody switches back. `last`: `from` will never be entered again.
void switch_context(Context& from, Context& to, bool last = false);
// First thing a new fiber does: `from` is who switched to it.
void enter_context(Context& from);

}  // namespace ragdraft::emulator
