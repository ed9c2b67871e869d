// What measurements of kernels share: memory, passes, and rows of the report.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "ops/cuda/device.h"
#include "ops/cuda/kernels/pass.h"
#include "options.h"
#include "random_matrix.h"
#include "report.h"
#include "timing.h"

namespace ragdraft::gpu_check {

using Memory = ops::cuda::OnDevice<std::byte>;
using PassMemory = ops::cuda::OnDevice<ops::cuda::Pass>;

inline constexpr int kKernelRows[] = {1, 4, 11, 17};
inline constexpr int kMostKernelRows = 17;

// Random numbers of about 1 on the device.
class Floats {
 public:
  Floats(gpu::Stream& stream, size_t count) : memory_(count * sizeof(float)) {
    const std::vector<float> values = testing::random_floats(count, 3);
    stream.to_device(memory_.get(), values.data(), count * sizeof(float));
    stream.synchronize();
  }
  float* get() const { return reinterpret_cast<float*>(memory_.get()); }

 private:
  const Memory memory_;
};

// `rows` rows of one sequence behind `depth` positions, whose pages lie one after the other; all logits are wanted.
inline std::unique_ptr<PassMemory> pass_of(gpu::Stream& stream, int rows, int depth, std::byte* pages, size_t page_bytes) {
  const auto host = std::make_unique<ops::cuda::Pass>();
  host->rows = host->wanted = rows;
  host->spans = 1;
  host->span[0] = {0, rows, depth, 0};
  for (int r = 0; r < rows; r++) {
    host->row[r] = {r, depth + r, depth + r, 0};
    host->wanted_row[r] = r;
  }
  for (int i = 0; i * kPageTokens < depth + rows; i++) host->pages[i] = pages + size_t(i) * page_bytes;
  auto pass = std::make_unique<PassMemory>(sizeof(ops::cuda::Pass));
  stream.to_device(pass->get(), host.get(), sizeof(ops::cuda::Pass));
  stream.synchronize();
  return pass;
}

// Adds a row whose `ms` is known: rates, and the least time that reading `bytes` or computing `operations` at so many a nanosecond takes.
inline void add_kernel(Report& report, Row row, double bytes, double operations = 0, double rate = 1) {
  row.metric = "kernel";
  row.limit_ms = std::max(bytes / report.peaks().read_gbps, operations / rate) / 1e6;
  row.gbps = bytes / row.ms / 1e6;
  row.gops = operations / row.ms / 1e6;
  report.add(row);
}

}  // namespace ragdraft::gpu_check
