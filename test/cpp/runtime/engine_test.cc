// The thread that runs requests: turns, ends, aborts, from several threads at once. scripts/sanitized.cjs runs it under ThreadSanitizer.
#include "runtime/engine.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tap.h"

using namespace ragdraft;

namespace {

// Counts what the engine does with it, in plain memory where the engine thread alone may be: a wrong thread is a data race.
class Counted : public runtime::Job {
 public:
  Counted(int steps, std::atomic<int>& ended, std::string* log = nullptr, char name = 'x') : steps_(steps), ended_(ended), log_(log), name_(name) {}
  bool step() override {
    if (cancelled()) throw Error(Code::kAborted, "aborted");
    if (log_) *log_ += name_;
    return ++taken_ == steps_;
  }
  void finish() override { end(true); }
  void fail(const Error& error) override {
    code_ = error.code();
    end(false);
  }

  std::atomic<int> ends{0}, finishes{0};
  int taken_ = 0;
  Code code_ = Code::kInternal;

 private:
  void end(bool finished) {
    ends++;
    finishes += finished;
    ended_.fetch_add(1);
    ended_.notify_all();
  }
  const int steps_;
  std::atomic<int>& ended_;
  std::string* const log_;
  const char name_;
};

void wait_for(std::atomic<int>& ended, int count) {
  for (int now = ended; now < count; now = ended) ended.wait(now);
}

}  // namespace

TEST("jobs take turns, a slice each, and end once") {
  runtime::Engine engine;
  std::atomic<int> ended{0};
  std::string log;
  // The first holds the thread until the others are in the queue.
  std::atomic<bool> go{false};
  struct Gate : runtime::Job {
    explicit Gate(std::atomic<bool>& go) : go_(go) {}
    bool step() override {
      go_.wait(false);
      return true;
    }
    void finish() override {}
    void fail(const Error&) override {}
    std::atomic<bool>& go_;
  };
  engine.submit(std::make_shared<Gate>(go));
  const auto a = std::make_shared<Counted>(3, ended, &log, 'a'), b = std::make_shared<Counted>(1, ended, &log, 'b'),
             c = std::make_shared<Counted>(2, ended, &log, 'c');
  for (const auto& job : {a, b, c}) engine.submit(job);
  go = true;
  go.notify_all();
  wait_for(ended, 3);
  engine.stop();
  CHECK_MSG(log == "abcaca", log);
  for (const auto& job : {a, b, c}) CHECK(job->ends == 1 && job->finishes == 1);
}

TEST("jobs of several threads, of which some are cancelled meanwhile, each end once") {
  runtime::Engine engine;
  std::atomic<int> ended{0};
  constexpr int kThreads = 4, kJobs = 200;
  std::vector<std::vector<std::shared_ptr<Counted>>> jobs(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kJobs; i++) {
        jobs[size_t(t)].push_back(std::make_shared<Counted>(1 + i % 5, ended));
        engine.submit(jobs[size_t(t)].back());
        if (i % 3 == 0) jobs[size_t(t)][size_t(i / 2)]->cancel();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  wait_for(ended, kThreads * kJobs);
  int finished = 0;
  for (const auto& of_thread : jobs) {
    for (const auto& job : of_thread) {
      CHECK(job->ends == 1);
      finished += job->finishes;
    }
  }
  CHECK(finished > 0 && ended == kThreads * kJobs);
}

TEST("stop aborts what runs and what waits; a job that comes later is refused at once") {
  runtime::Engine engine;
  std::atomic<int> ended{0};
  const auto endless = std::make_shared<Counted>(-1, ended), waiting = std::make_shared<Counted>(-1, ended);
  engine.submit(endless);
  engine.submit(waiting);
  engine.stop();
  for (const auto& job : {endless, waiting}) CHECK(job->ends == 1 && job->finishes == 0);
  const auto late = std::make_shared<Counted>(1, ended);
  engine.submit(late);
  CHECK(late->ends == 1 && late->finishes == 0 && late->taken_ == 0 && late->code_ == Code::kClosed);
  engine.stop();
}
