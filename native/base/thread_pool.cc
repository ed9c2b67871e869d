#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#include "base/cpu_count.h"
#include "base/error.h"

namespace ragdraft {
namespace {

// Longer than the serial work between two loops of a forward pass, shorter than anyone else would notice.
constexpr std::chrono::microseconds kSpin{30};

void relax() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
  __asm__ volatile("yield");
#endif
}

// A loop and its progress in one word, so that a worker which overslept a whole loop cannot take an index of the next one by
// mistake: [generation : 16][count : 24][next index : 24]. (A generation that wraps while a worker sleeps costs help, not
// correctness: the index is taken by comparing the whole word.)
constexpr int kCountBits = 24;
constexpr uint64_t kCountMask = (uint64_t(1) << kCountBits) - 1;
constexpr int kMaxThreads = 256;
constexpr int kMaxCount = int(kCountMask);

uint64_t make_ticket(uint64_t generation, int count) { return generation << 2 * kCountBits | uint64_t(count) << kCountBits; }
uint64_t generation_of(uint64_t ticket) { return ticket >> 2 * kCountBits; }
int count_of(uint64_t ticket) { return int(ticket >> kCountBits & kCountMask); }
int next_of(uint64_t ticket) { return int(ticket & kCountMask); }

// A mutex and a condition that cost the waking side nothing while nobody sleeps. The sleeper announces itself before it looks
// at the state a last time, the waker changes the state before it looks for sleepers, all sequentially consistent: at least
// one of them sees the other.
class Bell {
 public:
  template <class Ready>
  void wait(bool spin, Ready ready) {
    if (spin) {
      const auto end = std::chrono::steady_clock::now() + kSpin;
      do {
        for (int i = 0; i < 16; ++i) {
          if (ready()) return;
          relax();
        }
      } while (std::chrono::steady_clock::now() < end);
    }
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    condition_.wait(lock, ready);
    sleepers_.fetch_sub(1);
  }
  void ring() {
    if (sleepers_.load() == 0) return;
    { const std::lock_guard lock(mutex_); }  // a sleeper between its last look and its sleep holds the mutex
    condition_.notify_all();
  }

 private:
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable condition_;
};

}  // namespace

struct ThreadPool::State {
  State() = default;
  ~State() {
    stop.store(true);
    started.ring();
    for (std::thread& thread : threads) thread.join();
  }

  void start(int total) {
    spin = total <= default_threads();
    for (int worker = 1; worker < total; ++worker) threads.emplace_back([this, worker] { serve(worker); });
  }

  // Takes and runs indices of the current loop until none is left.
  void work(int worker) {
    uint64_t seen = ticket.load();
    while (next_of(seen) < count_of(seen)) {
      if (!ticket.compare_exchange_weak(seen, seen + 1)) continue;
      (*task)(next_of(seen), worker);  // stable: the owner leaves the loop only after this index is done
      if (unfinished.fetch_sub(1) == 1) finished.ring();
      seen = ticket.load();
    }
  }

  void serve(int worker) {
    for (uint64_t generation = 0;;) {
      started.wait(spin, [&] { return generation_of(ticket.load()) != generation || stop.load(); });
      if (stop.load()) return;
      generation = generation_of(ticket.load());
      work(worker);
    }
  }

  void run(int count, const std::function<void(int, int)>& body) {
    task = &body;
    unfinished.store(count);
    ticket.store(make_ticket((generation_of(ticket.load()) + 1) & 0xffff, count));
    started.ring();
    work(0);
    finished.wait(spin, [&] { return unfinished.load() == 0; });
  }

  bool spin = true;  // spinning on fewer CPUs than threads keeps the work itself from running
  std::atomic<uint64_t> ticket{0};
  std::atomic<int> unfinished{0};
  std::atomic<bool> stop{false};
  const std::function<void(int, int)>* task = nullptr;
  Bell started, finished;
  std::vector<std::thread> threads;
};

ThreadPool::ThreadPool(int threads) {
  const int total = threads == 0 ? std::min(default_threads(), kMaxThreads) : threads;
  check(total >= 1 && total <= kMaxThreads, Code::kInvalidArgument, "threads must be 0 (automatic) or 1 to 256");
  state_ = std::make_unique<State>();
  try {
    state_->start(total);
  } catch (const std::system_error& error) {
    throw Error(Code::kOutOfMemory, std::string("cannot start a worker thread: ") + error.what());
  }
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const noexcept { return int(state_->threads.size()) + 1; }

void ThreadPool::parallel_for(int count, const std::function<void(int, int)>& task) {
  if (state_->threads.empty() || count == 1) {
    for (int i = 0; i < count; ++i) task(i, 0);
    return;
  }
  for (int first = 0; first < count; first += kMaxCount) {
    const int part = std::min(count - first, kMaxCount);
    if (first == 0 && part == count) {
      state_->run(count, task);
    } else {
      state_->run(part, [&](int index, int worker) { task(first + index, worker); });
    }
  }
}

int ThreadPool::default_threads() { return available_cpus(); }

}  // namespace ragdraft
