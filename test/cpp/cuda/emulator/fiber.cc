#include "emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "emulator/config.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
asm(R"(
.text
.globl ragdraft_emulator_switch
.type ragdraft_emulator_switch,@function
ragdraft_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ragdraft_emulator_switch,.-ragdraft_emulator_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl ragdraft_emulator_switch
.type ragdraft_emulator_switch,%function
ragdraft_emulator_switch:
  sub sp, sp, #160
  stp x19,x20,[sp,#0]
  stp x21,x22,[sp,#16]
  stp x23,x24,[sp,#32]
  stp x25,x26,[sp,#48]
  stp x27,x28,[sp,#64]
  stp x29,x30,[sp,#80]
  stp d8,d9,[sp,#96]
  stp d10,d11,[sp,#112]
  stp d12,d13,[sp,#128]
  stp d14,d15,[sp,#144]
  mov x9, sp
  str x9,[x0]
  mov sp, x1
  ldp x19,x20,[sp,#0]
  ldp x21,x22,[sp,#16]
  ldp x23,x24,[sp,#32]
  ldp x25,x26,[sp,#48]
  ldp x27,x28,[sp,#64]
  ldp x29,x30,[sp,#80]
  ldp d8,d9,[sp,#96]
  ldp d10,d11,[sp,#112]
  ldp d12,d13,[sp,#128]
  ldp d14,d15,[sp,#144]
  add sp, sp, #160
  ret
.size ragdraft_emulator_switch,.-ragdraft_emulator_switch
)");
#else
#error "the emulator switches stacks on x86-64 and AArch64 only"
#endif

namespace ragdraft::emulator {
namespace {
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStackBytes = 256 << 10;  // frames with red zones
#else
constexpr size_t kStackBytes = 64 << 10;
#endif
size_t guard_bytes() { return size_t(sysconf(_SC_PAGESIZE)); }

// Frames that are never left stay marked; whoever gets the addresses next must not inherit that.
void forget_frames([[maybe_unused]] char* bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(bytes, kStackBytes);
#endif
}
}  // namespace

// Every block of a launch wants hundreds of stacks, and to map them costs more than most blocks do: a thread keeps those of the last one.
struct Stack::Kept {
  static constexpr size_t kMost = 1024;  // of the largest block
  std::vector<char*> free;
  ~Kept() {
    for (char* bytes : free) unmap(bytes);
  }
  static Kept& of_this_thread() {
    static thread_local Kept kept;
    return kept;
  }
};

void Stack::unmap(char* bytes) { munmap(bytes - guard_bytes(), guard_bytes() + kStackBytes); }

Stack::Stack() {
  std::vector<char*>& free = Kept::of_this_thread().free;
  if (!free.empty()) {
    bytes_ = free.back();
    free.pop_back();
    return;
  }
  const size_t guard = guard_bytes();
  void* memory = mmap(nullptr, guard + kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw Fault("no memory for the stack of an emulated thread");
  mprotect(memory, guard, PROT_NONE);
  bytes_ = static_cast<char*>(memory) + guard;
}

Stack::Stack(Stack&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}

Stack::~Stack() {
  if (bytes_ == nullptr) return;
  forget_frames(bytes_);
  std::vector<char*>& free = Kept::of_this_thread().free;
  if (free.size() < Kept::kMost) free.push_back(bytes_);
  else unmap(bytes_);
}

size_t Stack::size() { return kStackBytes; }

void* Stack::prepare(void (*entry)()) {
  forget_frames(bytes_);
  auto* top = reinterpret_cast<uintptr_t*>(bytes_ + kStackBytes - 64);
#if defined(__x86_64__)
  constexpr size_t kSaved = 6;
  *--top = 0;  // entry() never returns; this keeps its frame aligned as after a call
  *--top = reinterpret_cast<uintptr_t>(entry);
  top -= kSaved;
  std::memset(top, 0, kSaved * sizeof *top);
#else
  constexpr size_t kSaved = 20, kLinkRegister = 11;
  top -= kSaved;
  std::memset(top, 0, kSaved * sizeof *top);
  top[kLinkRegister] = reinterpret_cast<uintptr_t>(entry);
#endif
  return top;
}

#if defined(__SANITIZE_ADDRESS__)
void switch_context(Context& from, Context& to, bool last) {
  __sanitizer_start_switch_fiber(last ? nullptr : &from.fake, to.bottom, to.size);
  ragdraft_emulator_switch(&from.stack_pointer, to.stack_pointer);
  __sanitizer_finish_switch_fiber(from.fake, nullptr, nullptr);
}
void enter_context(Context& from) { __sanitizer_finish_switch_fiber(nullptr, &from.bottom, &from.size); }
#else
void switch_context(Context& from, Context& to, bool) { ragdraft_emulator_switch(&from.stack_pointer, to.stack_pointer); }
void enter_context(Context&) {}
#endif

}  // namespace ragdraft::emulator
