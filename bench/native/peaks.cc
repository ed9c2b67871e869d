// What this machine can do at most, as one line of JSON: reads of DRAM in GB/s, multiply-adds in GOP/s (two operations each).
//   ragdraft_peaks [threads, default all] [MiB to read, default 2048] [repeats, default 8] [reads: no arithmetic]
// The buffer must be several times the last-level cache (a cyclic scan of more than it holds hits nothing). Peaks are of the best
// instruction for each type: of vectors or, where there are any, of tiles.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "base/thread_pool.h"
#include "peak_loops.h"
#include "team.h"

namespace {

using namespace ragdraft::bench;

// Sums of the words of one run of memory, and of four side by side: which is faster depends on the prefetchers.
uint64_t sum_one_stream(const uint64_t* words, size_t count) {
  uint64_t sum = 0;
  for (size_t k = 0; k < count; ++k) sum += words[k];
  return sum;
}
uint64_t sum_four_streams(const uint64_t* words, size_t count) {
  const size_t part = count / 4;
  const uint64_t *a = words, *b = a + part, *c = b + part, *d = c + part;
  uint64_t sum = 0;
  for (size_t k = 0; k < part; ++k) sum += (a[k] + b[k]) + (c[k] + d[k]);
  return sum;
}

// Written once, so that every page is memory of its own; in huge pages where the system gives them.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : count_(bytes / sizeof(uint64_t)) {
    size_t space = bytes + kHugePage;
    memory_.reset(new std::byte[space]);
    void* start = memory_.get();
    words_ = static_cast<uint64_t*>(std::align(kHugePage, bytes, start, space));
#if defined(__linux__)
    madvise(words_, bytes, MADV_HUGEPAGE);  // a wish: without it the read is a little slower
#endif
    std::fill_n(words_, count_, uint64_t(1));
  }
  const uint64_t* words() const { return words_; }
  size_t count() const { return count_; }

 private:
  static constexpr size_t kHugePage = 2 << 20;
  size_t count_;
  std::unique_ptr<std::byte[]> memory_;
  uint64_t* words_ = nullptr;
};

double read_rate(const Buffer& buffer, int threads, int repeats) {
  double seconds = 1e9;
  for (const auto sum : {sum_one_stream, sum_four_streams}) {
    const size_t part = buffer.count() / size_t(threads);
    seconds = std::min(seconds, shortest(repeats, threads, [&](int thread) {
                         volatile uint64_t result = sum(buffer.words() + size_t(thread) * part, part);
                         (void)result;
                       }));
  }
  return double(buffer.count() * sizeof(uint64_t)) / seconds / 1e9;
}

double loop_rate(const PeakLoop& loop, int threads, int repeats) {
  constexpr double kOperations = 2e9;  // of a thread and run: 5 to 50 ms
  const long iterations = long(kOperations / loop.operations);
  const double seconds = shortest(repeats, threads, [&](int) { loop.run(iterations); });
  return double(threads) * double(iterations) * loop.operations / seconds / 1e9;
}

int argument(int argc, char** argv, int index, int fallback, int most) {
  if (index >= argc) return fallback;
  char* end = nullptr;
  const long value = std::strtol(argv[index], &end, 10);
  if (end == argv[index] || *end != '\0' || value < 1 || value > most) {
    std::fprintf(stderr, "usage: ragdraft_peaks [threads] [MiB] [repeats] [reads]\n");
    std::exit(2);
  }
  return int(value);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argument(argc, argv, 1, ragdraft::ThreadPool::default_threads(), 256);
  const int mebibytes = argument(argc, argv, 2, 2048, 1 << 16);
  const int repeats = argument(argc, argv, 3, 8, 1000);
  std::string json;
  {
    const Buffer buffer(size_t(mebibytes) << 20);
    json = "{\"threads\":" + std::to_string(threads) + ",\"readGbps\":{\"one\":" + std::to_string(read_rate(buffer, 1, repeats)) +
           ",\"all\":" + std::to_string(read_rate(buffer, threads, repeats)) + "}";
  }
  for (const char* kind : {"f32", "bf16", "int8"}) {
    if (argc > 4 && std::strcmp(argv[4], "reads") == 0) break;
    double one = 0, all = 0;
    const char* instruction = nullptr;
    for (const PeakLoop& loop : peak_loops()) {
      if (std::strcmp(loop.kind, kind) != 0) continue;
      one = std::max(one, loop_rate(loop, 1, repeats));
      const double rate = loop_rate(loop, threads, repeats);
      if (rate > all) all = rate, instruction = loop.instruction;
    }
    json += ",\"" + std::string(kind) + "Gops\":";
    json += instruction ? "{\"one\":" + std::to_string(one) + ",\"all\":" + std::to_string(all) + ",\"instruction\":\"" + instruction + "\"}"
                        : std::string("null");
  }
  std::printf("%s}\n", json.c_str());
}
