// How long work on a device takes, by its own clock; and how long we may go on measuring.
#pragma once
#include <algorithm>
#include <chrono>
#include <vector>

#include "ops/cuda/gpu.h"

namespace ragdraft::gpu_check {

inline double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A moment after which nothing more is begun.
class Deadline {
 public:
  explicit Deadline(double seconds) : end_(seconds_now() + seconds) {}
  // The earlier of this one and `seconds` from now.
  Deadline within(double seconds) const {
    Deadline part(seconds);
    part.end_ = std::min(part.end_, end_);
    return part;
  }
  Deadline later(double seconds) const {
    Deadline moved = *this;
    moved.end_ += seconds;
    return moved;
  }
  bool over() const { return seconds_now() >= end_; }

 private:
  double end_;
};

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

// Median milliseconds of one of `calls` launches, launch(i), that a graph runs one after the other: the host does not take part.
template <class Launch>
double launch_ms(gpu::Stream& stream, int runs, int calls, const Launch& launch) {
  launch(0);  // what a first launch asks of the driver cannot be captured
  stream.synchronize();
  stream.begin_capture();
  for (int i = 0; i < calls; i++) launch(i);
  const gpu::Graph graph = stream.end_capture();
  gpu::Event start, end;
  std::vector<double> times;
  for (int run = -1; run < runs; run++) {
    start.record(stream);
    graph.launch(stream);
    end.record(stream);
    stream.synchronize();
    if (run >= 0) times.push_back(double(end.milliseconds_since(start)) / calls);
  }
  return median(std::move(times));
}

}  // namespace ragdraft::gpu_check
