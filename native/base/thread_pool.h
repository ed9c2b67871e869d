// A persistent worker pool: one parallel loop at a time, started by one owner thread (the engine's).
#pragma once
#include <functional>
#include <memory>

namespace ragdraft {

class ThreadPool {
 public:
  // threads: 1..256, the calling thread included (threads - 1 are started). 0 = default_threads().
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept;

  // Calls task(i, worker) once for every i in [0, count), worker in [0, threads()); returns when all are done.
  // Tasks are taken from an atomic counter in ascending order. The caller works as worker 0. Tasks must not throw.
  // Not reentrant. Idle workers spin briefly (some microseconds), then sleep: a busy neighbour costs no more than its share.
  void parallel_for(int count, const std::function<void(int index, int worker)>& task);

  // CPUs this process may use: min(affinity mask, cgroup v1/v2 quota rounded up), at least 1.
  static int default_threads();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ragdraft
