// Measures the CUDA backend on this machine's GPU: gpu_check [name=value]... (options.h). scripts/gpu-check.sh runs it after the tests.
// Ends with "N passed, N failed": of what must hold; goals of speed are listed before, reached or missed.
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "base/error.h"
#include "ceilings.h"
#include "goals.h"
#include "kernels.h"
#include "ops/backend.h"
#include "ops/cuda/module.h"
#include "options.h"
#include "passes.h"
#include "report.h"
#include "timing.h"

extern "C" const ragdraft_cuda_api* ragdraft_cuda_get_api(uint32_t abi);

namespace {

using namespace ragdraft;
using namespace ragdraft::gpu_check;

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(": ") + 2);
  return "unknown";
}

// Seconds that a part may take, so that one that is slow leaves time for the others.
constexpr double kPassSeconds = 70, kKernelSeconds = 60;

// What matters most first: what comes last may be left out.
void measure(const Options& options, int multiprocessors, Report& report) {
  const Deadline deadline(options.seconds);
  report.set_peaks(measure_peaks(options, multiprocessors));
  const auto backend = [&]() -> std::shared_ptr<ops::Backend> {
    return ops::make_cuda_backend(*ragdraft_cuda_get_api(RAGDRAFT_CUDA_ABI), options.device);
  };
  for (const std::string& model : options.models) {
    for (const std::string& weights : options.weights) {
      if (deadline.over()) report.skip(model + " " + weights, "no time is left for it");
      else measure_passes(model, weights, backend(), options, deadline.within(kPassSeconds), report);
    }
    measure_kernels(model, options, deadline.within(kKernelSeconds), report);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse_options(argc, argv);
  gpu::use_device(options.device);
  const gpu::DeviceInfo device = gpu::device_info(options.device);
  Report report(options.json, {device.name, processor(), int(std::thread::hardware_concurrency()), double(device.total_bytes >> 20) / 1024}, options.commit);
  try {
    measure(options, device.multiprocessors, report);
  } catch (const Error& e) {  // what was measured before stands
    report.check({"measuring to the end", e.what(), "no error", false});
  }
  report.print_end(goals(report.rows(), report.machine()));
  return report.failed() > 0;
} catch (const ragdraft::Error& e) {
  std::fprintf(stderr, "gpu_check: %s\n", e.what());
  return e.code() == ragdraft::Code::kInvalidArgument ? 2 : 3;
}
