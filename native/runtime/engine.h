// One thread that runs all requests of one JavaScript environment, a slice of each in turn.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"
#include "ops/backend.h"

namespace ragdraft::runtime {

// A request. The engine calls step() until it returns true or throws, then exactly one of finish() / fail(). All three run on
// the engine thread.
class Job {
 public:
  virtual ~Job() = default;
  virtual bool step() = 0;  // one slice of work (a chunk, a round); true = done
  virtual void finish() = 0;
  virtual void fail(const Error& error) = 0;

  // From any thread: step() should end soon, throwing Error{kAborted}.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  const std::atomic<bool>& cancelled() const { return cancelled_; }

 private:
  std::atomic<bool> cancelled_{false};
};

class Engine {
 public:
  Engine() = default;
  ~Engine() { stop(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Queues a job; starts the thread on first use. After stop() the job fails with kClosed on the calling thread.
  void submit(std::shared_ptr<Job> job);
  // Cancels every job, lets each fail, joins the thread. Idempotent; not from the engine thread.
  void stop();
  // Backends are shared by (threads, isa): their worker pools sleep when idle, but one is enough. Throws kInvalidArgument.
  std::shared_ptr<ops::Backend> cpu_backend(int threads, const std::string& isa);
  // One for each device: its models share a stream and scratch memory. Opens the device on first use, which takes a while. Throws
  // kDeviceFailed, kOutOfMemory.
  std::shared_ptr<ops::Backend> cuda_backend(const ragdraft_cuda_api& api, int device);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;  // the front is the next to get a slice
  std::shared_ptr<Job> running_;
  bool stopping_ = false;
  std::thread thread_;
  std::mutex backends_mutex_;
  std::map<std::pair<int, std::string>, std::weak_ptr<ops::Backend>> backends_;
  std::map<int, std::weak_ptr<ops::Backend>> cuda_backends_;  // by device
};

}  // namespace ragdraft::runtime
