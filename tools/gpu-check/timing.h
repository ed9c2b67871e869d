// How long work on a device takes.
#pragma once
#include <algorithm>
#include <chrono>
#include <vector>

#include "ops/cuda/gpu.h"

namespace ragdraft::gpu_check {

inline double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

// Before anything is timed: so many seconds of the same work, for clocks that have slept, and at least so many runs of it. The first time a
// pass is run it takes its memory, the second time it is recorded, from then on replayed.
inline constexpr double kWarmSeconds = 0.03;
inline constexpr int kUntilReplayed = 3;

// Median milliseconds of what `once` does, which returns seconds.
template <class Once>
double repeated_ms(int runs, const Once& once) {
  const double warm = seconds_now() + kWarmSeconds;
  for (int run = 0; run < kUntilReplayed || seconds_now() < warm; run++) once();
  std::vector<double> times;
  for (int run = 0; run < runs; run++) times.push_back(1000 * once());
  return median(std::move(times));
}

// Median milliseconds of one of `calls` launches, launch(i), that a graph runs one after the other: the host does not take part. Behind
// enough calls the beginning of the graph, some microseconds, does not count.
template <class Launch>
double launch_ms(gpu::Stream& stream, int runs, int calls, const Launch& launch) {
  launch(0);  // what a first launch asks of the driver cannot be captured
  stream.synchronize();
  stream.begin_capture();
  for (int i = 0; i < calls; i++) launch(i);
  const gpu::Graph graph = stream.end_capture();
  gpu::Event start, end;
  const auto once = [&] {
    start.record(stream);
    graph.launch(stream);
    end.record(stream);
    stream.synchronize();
    return double(end.milliseconds_since(start)) / 1000;
  };
  const double warm = seconds_now() + kWarmSeconds;
  do once();
  while (seconds_now() < warm);
  std::vector<double> times;
  for (int run = 0; run < runs; run++) times.push_back(1000 * once() / calls);
  return median(std::move(times));
}

}  // namespace ragdraft::gpu_check
