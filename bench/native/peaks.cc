// What this machine can do at most, as one line of JSON: reads of DRAM in GB/s, multiply-adds in GOP/s (two operations each).
//   ragdraft_peaks [threads, default all] [MiB to read, default 2048] [repeats, default 8] [reads: no arithmetic]
// The buffer must be several times the last-level cache. Peaks are of the best instruction for each type: of vectors or, where there are
// any, of tiles.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/thread_pool.h"
#include "peak_loops.h"
#include "reads.h"
#include "team.h"

namespace {

using namespace ragdraft::bench;

double read_rate(const ReadBuffer& buffer, int threads, int repeats) {
  const auto seconds = [&](ReadLoop read) { return best_read_seconds(buffer, read, threads, repeats); };
  return double(buffer.bytes()) / std::min(seconds(read_one_stream), seconds(read_four_streams)) / 1e9;
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
    const ReadBuffer buffer(size_t(mebibytes) << 20);
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
