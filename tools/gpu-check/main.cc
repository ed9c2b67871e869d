// Measures the CUDA backend on this machine's GPU: gpu_check [name=value]... (options.h). tools/gpu-check/run.sh runs it after the tests.
// Ends with "N passed, N failed": of what must hold; goals of speed are listed before, reached or missed.
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "apart.h"
#include "base/error.h"
#include "ceilings.h"
#include "goals.h"
#include "kernels.h"
#include "ops/backend.h"
#include "ops/cuda/module.h"
#include "options.h"
#include "passes.h"
#include "report.h"
#include "table.h"
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
constexpr double kPeakSeconds = 30, kPassSeconds = 70, kKernelSeconds = 25;

void measure_machine(const Options& options, Listener& report) {
  gpu::use_device(options.device);
  const gpu::DeviceInfo device = gpu::device_info(options.device);
  report.set_machine({device.name, processor(), int(std::thread::hardware_concurrency()), double(device.total_bytes >> 20) / 1024});
  report.set_peaks(measure_peaks(options, device.multiprocessors));
}

// What matters most first: what comes last may be left out.
void measure(const Options& options, Report& report) {
  const Deadline deadline(options.seconds);
  run_apart("the peaks", deadline.within(kPeakSeconds), report, [&](Listener& to) { measure_machine(options, to); });
  if (report.peaks().read_gbps == 0) return;  // it has been said why
  const auto part = [&](const std::string& name, double seconds, const auto& measure_part) {
    if (deadline.over()) return report.skip(name, "no time is left for it");
    const Deadline own = deadline.within(seconds);
    run_apart(name, own, report, [&](Listener& to) {
      gpu::use_device(options.device);
      measure_part(own, to);
    });
  };
  for (const std::string& model : options.models) {
    for (const std::string& weights : options.weights) {
      part(model + " " + weights, kPassSeconds, [&](const Deadline& own, Listener& to) {
        measure_passes(model, weights, ops::make_cuda_backend(*ragdraft_cuda_get_api(RAGDRAFT_CUDA_ABI), options.device), options, own, to);
      });
    }
    part(model + ", small kernels", kKernelSeconds, [&](const Deadline& own, Listener& to) { measure_small_kernels(model, options, own, to); });
    part(model + ", attention", kKernelSeconds, [&](const Deadline& own, Listener& to) { measure_attention(model, options, own, to); });
    for (const std::string& weights : options.kernel_weights)
      part(model + ", linear, " + weights, kKernelSeconds, [&](const Deadline& own, Listener& to) { measure_linear(model, weights, options, own, to); });
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse_options(argc, argv);
  Report report(options.json, options.commit);
  measure(options, report);
  print_table(report.rows(), stdout);
  report.print_end(goals(report.rows(), report.machine()));
  return report.failed() > 0;
} catch (const ragdraft::Error& e) {
  std::fprintf(stderr, "gpu_check: %s\n", e.what());
  return e.code() == ragdraft::Code::kInvalidArgument ? 2 : 3;
}
