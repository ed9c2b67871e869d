#include "runtime/engine.h"

#include <new>

#include "base/thread_pool.h"

namespace ragdraft::runtime {
namespace {

// One slice; true when the job has ended, one way or the other.
bool slice(Job& job) {
  try {
    if (job.cancelled()) throw Error(Code::kAborted, "the request was aborted");
    if (!job.step()) return false;
    job.finish();
  } catch (const Error& error) {
    job.fail(error);
  } catch (const std::bad_alloc&) {
    job.fail(Error(Code::kOutOfMemory, "out of memory"));
  } catch (const std::exception& error) {
    job.fail(Error(Code::kInternal, error.what()));
  }
  return true;
}

}  // namespace

void Engine::submit(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      queue_.push_back(std::move(job));
      if (!thread_.joinable()) thread_ = std::thread(&Engine::run, this);
    }
  }
  if (job) {
    job->fail(Error(Code::kClosed, "the engine is closed"));
  } else {
    wake_.notify_one();
  }
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& job : queue_) job->cancel();
    if (running_) running_->cancel();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Engine::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    running_ = std::move(queue_.front());
    queue_.pop_front();
    const std::shared_ptr<Job> job = running_;
    lock.unlock();
    const bool ended = slice(*job);
    lock.lock();
    running_ = nullptr;
    if (!ended) queue_.push_back(job);
  }
}

std::shared_ptr<ops::Backend> Engine::cpu_backend(int threads, const std::string& isa) {
  if (threads == 0) threads = ThreadPool::default_threads();
  const std::lock_guard lock(backends_mutex_);
  auto& known = backends_[{threads, isa}];
  std::shared_ptr<ops::Backend> backend = known.lock();
  if (!backend) {
    backend = ops::make_cpu_backend(threads, isa);
    known = backend;
  }
  return backend;
}

std::shared_ptr<ops::Backend> Engine::cuda_backend(const ragdraft_cuda_api& api, int device) {
  const std::lock_guard lock(backends_mutex_);
  auto& known = cuda_backends_[device];
  std::shared_ptr<ops::Backend> backend = known.lock();
  if (!backend) {
    backend = ops::make_cuda_backend(api, device);
    known = backend;
  }
  return backend;
}

}  // namespace ragdraft::runtime
