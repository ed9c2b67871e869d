// Measures a part of the CUDA backend on this machine's GPU: gpu_check part=PART model=MODEL [name=value]... (options.h).
// tools/gpu-check/run.sh runs it part by part, after the tests. Exits with 1 if something that must hold does not, 2 for wrong arguments, 3
// for other errors.
#include <cstdio>
#include <string>

#include "base/error.h"
#include "kernels.h"
#include "ops/backend.h"
#include "ops/cuda/gpu.h"
#include "ops/cuda/module.h"
#include "options.h"
#include "passes.h"
#include "peaks.h"
#include "report.h"

extern "C" const ragdraft_cuda_api* ragdraft_cuda_get_api(uint32_t abi);

namespace {

using namespace ragdraft;
using namespace ragdraft::gpu_check;

void measure(const Options& options, Report& report) {
  shape_of(options.model), weight_type(options.weights);  // before the device is asked
  gpu::use_device(options.device);
  const gpu::DeviceInfo device = gpu::device_info(options.device);
  report.set_device(device.name, double(device.total_bytes >> 20) / 1024, measure_peaks(options, device.multiprocessors));
  if (options.part == "passes") measure_passes(ops::make_cuda_backend(*ragdraft_cuda_get_api(RAGDRAFT_CUDA_ABI), options.device), options, report);
  else if (options.part == "linear") measure_linear(options, report);
  else if (options.part == "attention") measure_attention(options, report);
  else if (options.part == "small") measure_small_kernels(options, report);
  else throw Error(Code::kInvalidArgument, "part is passes, linear, attention or small, not '" + options.part + "'");
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse_options(argc, argv);
  Report report(options.json);
  measure(options, report);
  return report.failed() > 0;
} catch (const ragdraft::Error& e) {
  std::fprintf(stderr, "gpu_check: %s\n", e.what());
  return e.code() == ragdraft::Code::kInvalidArgument ? 2 : 3;
}
