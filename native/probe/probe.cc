#include "probe/probe.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "ops/backend.h"
#include "ops/cuda/device_memory.h"
#include "ops/cuda/module_loader.h"

namespace ragdraft::probe {
namespace {

// Looks two rows of a table up on the device: an upload, a pass, a kernel, a download.
void run_a_kernel(const ragdraft_cuda_api& api, int index) {
  constexpr int64_t kRows = 3, kColumns = 64;
  float values[kRows * kColumns], got[2 * kColumns];
  for (int i = 0; i < kRows * kColumns; i++) values[i] = float(i);
  const std::unique_ptr<ops::Backend> backend = ops::make_cuda_backend(api, index);
  const auto table = backend->load_embedding({formats::DType::kF32, kRows, kColumns, reinterpret_cast<const std::byte*>(values)});
  const TokenId tokens[] = {2, 1};
  const auto out = backend->memory()->allocate(sizeof got);
  std::byte* const page = out.get();  // of a cache that nothing is stored in
  const kv::KvSpan span{&page, 0, 2, 0};
  backend->run({tokens, {&span, 1}, {}}, nullptr, [&] { backend->embed(*table, tokens, reinterpret_cast<float*>(out.get())); });
  backend->memory()->download(got, out.get(), sizeof got);
  for (const int row : {0, 1})
    check(std::memcmp(got + row * kColumns, values + tokens[row] * kColumns, kColumns * sizeof(float)) == 0, Code::kDeviceFailed,
          "a kernel gave wrong values");
}

Device try_device(const ragdraft_cuda_api& api, int index) {
  Device device{index, "", "", 0, 0, ""};
  try {
    const ragdraft_cuda_device_info info = ops::cuda::device_info(api, index);
    device.name = info.name;
    device.capability = std::to_string(info.major) + "." + std::to_string(info.minor);
    device.total_bytes = info.total_bytes;
    device.free_bytes = ops::cuda::OpenDevice(api, index).free_memory().free_bytes;
    run_a_kernel(api, index);
  } catch (const std::exception& e) {
    device.problem = e.what();
  }
  return device;
}

}  // namespace

Report try_gpus(const std::string& module, int limit_seconds) {
  std::thread([limit_seconds] {
    std::this_thread::sleep_for(std::chrono::seconds(limit_seconds));
    std::_Exit(EXIT_FAILURE);
  }).detach();
  const ops::cuda::LoadedModule& loaded = ops::cuda::load_module(module);
  Report report{{}, loaded.reason};
  for (int i = 0; i < loaded.devices; i++) report.devices.push_back(try_device(*loaded.api, i));
  return report;
}

}  // namespace ragdraft::probe
