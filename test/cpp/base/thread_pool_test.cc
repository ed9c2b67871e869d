#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/control_group.h"
#include "tap.h"

using ragdraft::ThreadPool;

namespace {

// A folder that looks like / to the readers of control groups.
class FakeRoot {
 public:
  FakeRoot() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    path_ = std::filesystem::temp_directory_path() / ("ragdraft-root-" + std::to_string(now));
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST("every index runs once, on a worker in range, for any number of threads and tasks") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int count : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> runs(count);
      std::atomic<bool> in_range{true};
      pool.parallel_for(count, [&](int index, int worker) {
        runs[index].fetch_add(1);
        if (worker < 0 || worker >= threads) in_range = false;
      });
      int once = 0;
      for (const auto& run : runs) once += run.load() == 1;
      CHECK_MSG(once == count, std::to_string(threads) + " threads, " + std::to_string(count) + " tasks");
      CHECK(in_range);
    }
  }
}

TEST("what tasks wrote is visible after the loop, over many short loops") {
  ThreadPool pool(4);
  std::vector<int> values(16, 0);  // plain memory: a missing happens-before is a data race for ThreadSanitizer
  bool right = true;
  for (int round = 1; round <= 20000; ++round) {
    pool.parallel_for(16, [&](int index, int) { values[index] += index; });
    if (round % 1000 == 0)
      for (int i = 0; i < 16; ++i) right = right && values[i] == i * round;
  }
  CHECK(right);
}

TEST("workers that went to sleep wake up for the next loop") {
  ThreadPool pool(2);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int> arrived{0};
    // Both tasks must run at the same time to finish: a worker that stays asleep would hang here.
    pool.parallel_for(2, [&](int, int) {
      arrived.fetch_add(1);
      while (arrived.load() < 2) std::this_thread::yield();
    });
    CHECK(arrived == 2);
  }
}

TEST("a worker runs one task at a time: per-worker scratch is safe") {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> inside(3);
  std::atomic<bool> overlap{false};
  pool.parallel_for(5000, [&](int, int worker) {
    if (inside[worker].fetch_add(1) != 0) overlap = true;
    inside[worker].fetch_sub(1);
  });
  CHECK(!overlap);
}

TEST("pools start and stop without work, and 0 means this machine's CPUs") {
  for (int i = 0; i < 20; ++i) ThreadPool pool(4);
  ThreadPool pool(0);
  CHECK(pool.threads() == ThreadPool::default_threads());
  CHECK(ThreadPool::default_threads() >= 1);
  CHECK(unsigned(ThreadPool::default_threads()) <= std::max(1u, std::thread::hardware_concurrency()));
}

TEST("rejects thread counts outside 0 to 256") {
  CHECK_THROWS(kInvalidArgument, ThreadPool(-1));
  CHECK_THROWS(kInvalidArgument, ThreadPool(257));
}

TEST("control groups v2: the tightest quota of the group and its ancestors counts") {
  FakeRoot root;
  root.write("proc/self/cgroup", "0::/outer/inner\n");
  root.write("sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
  root.write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  CHECK(ragdraft::control_group_cpus(root.path()) == 1.5);
  root.write("sys/fs/cgroup/outer/inner/cpu.max", "50000 100000\n");
  CHECK(ragdraft::control_group_cpus(root.path()) == 0.5);
}

TEST("control groups v2: file cache does not count as used memory") {
  FakeRoot root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("sys/fs/cgroup/memory.max", "1000000\n");
  root.write("sys/fs/cgroup/memory.current", "700000\n");
  root.write("sys/fs/cgroup/memory.stat", "anon 300000\nfile 400000\nactive_file 100000\ninactive_file 200000\n");
  CHECK(ragdraft::control_group_free_memory(root.path()) == 600000u);
  root.write("sys/fs/cgroup/memory.max", "max\n");
  CHECK(!ragdraft::control_group_free_memory(root.path()));
}

TEST("control groups v1: quota and limit come from their controllers' hierarchies") {
  FakeRoot root;
  root.write("proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");  // a container sees its own group at the mount point
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
  root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1500000\n");
  root.write("sys/fs/cgroup/memory/memory.stat", "cache 500000\ntotal_active_file 0\ntotal_inactive_file 500000\n");
  CHECK(ragdraft::control_group_cpus(root.path()) == 2.0);
  CHECK(ragdraft::control_group_free_memory(root.path()) == 1000000u);
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(!ragdraft::control_group_cpus(root.path()));
  CHECK(!ragdraft::control_group_free_memory(root.path()));
}

TEST("without control groups there is no limit") {
  FakeRoot root;
  CHECK(!ragdraft::control_group_cpus(root.path()));
  root.write("proc/self/cgroup", "nonsense\n1:2\n");
  CHECK(!ragdraft::control_group_cpus(root.path()));
  CHECK(!ragdraft::control_group_free_memory(root.path()));
}
