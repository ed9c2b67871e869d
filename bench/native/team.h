// Threads that start together, for measuring what the whole machine can do.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace ragdraft::bench {

inline double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Runs work(0..threads - 1), one thread each. Returns seconds from the first start to the last end.
template <class Work>
double run_together(int threads, const Work& work) {
  std::atomic<int> ready{0};
  std::vector<double> start(size_t(threads), 0.0), end(size_t(threads), 0.0);
  std::vector<std::thread> team;
  for (int i = 0; i < threads; ++i)
    team.emplace_back([&, i] {
      ++ready;
      while (ready.load() < threads) std::this_thread::yield();
      start[size_t(i)] = seconds_now();
      work(i);
      end[size_t(i)] = seconds_now();
    });
  for (std::thread& thread : team) thread.join();
  return *std::max_element(end.begin(), end.end()) - *std::min_element(start.begin(), start.end());
}

// A peak is what was reached once: the shortest of `repeats` runs.
template <class Work>
double shortest(int repeats, int threads, const Work& work) {
  double best = run_together(threads, work);
  for (int i = 1; i < repeats; ++i) best = std::min(best, run_together(threads, work));
  return best;
}

}  // namespace ragdraft::bench
