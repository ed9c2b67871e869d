// The kernel tests on a GPU: gpu_tests [part of "file: title"]. Other data in every run, unless RAGDRAFT_TEST_SEED says which.
#include <cstdlib>

#include "ops/cuda/gpu.h"
#include "tap.h"

int main(int argc, char** argv) {
  try {
    ragdraft::gpu::use_device(0);
    const ragdraft::gpu::DeviceInfo device = ragdraft::gpu::device_info(0);
    std::printf("# %s, compute capability %d.%d\n", device.name.c_str(), device.major, device.minor);
  } catch (const ragdraft::Error& e) {
    std::printf("Bail out! no GPU to test on: %s\n", e.what());
    return 2;
  }
  setenv("RAGDRAFT_TEST_SEED", "random", 0);
  return tap::run(argc, argv);
}
