// What the module reports when the device refuses, and that nothing it was given is lost: on a device that can be told to refuse, and
// whose memory is counted to the byte.
#include "device_array.h"
#include "module_fixture.h"
#include "tap.h"

using namespace ragdraft;
using ops::cuda::DeviceMemory;

TEST("an open device and its memory are given back") {
  const size_t before = emulator::device_bytes_in_use();
  {
    DeviceMemory memory(testing::open_device());
    const auto some = memory.allocate(1000);
    CHECK(emulator::device_bytes_in_use() >= before + 1000);
  }
  CHECK(emulator::device_bytes_in_use() == before);
}

TEST("what does not fit is an error with both numbers; the device goes on") {
  DeviceMemory memory(testing::open_device());
  const emulator::Config before = emulator::config();
  emulator::config().memory_bytes = emulator::device_bytes_in_use() + (size_t{10} << 20);
  CHECK(testing::thrown([&] { memory.allocate(size_t{64} << 20); }) ==
        "ERR_OUT_OF_MEMORY: cannot allocate 64 MiB on the GPU: 10 MiB of " + std::to_string(emulator::config().memory_bytes >> 20) + " MiB are free");
  CHECK(memory.allocate(size_t{9} << 20) != nullptr);
  emulator::config() = before;
}

TEST("a device that failed says so at every call, and gives its memory back") {
  const size_t before = emulator::device_bytes_in_use();
  {
    const auto device = testing::open_device();
    DeviceMemory memory(device);
    const auto data = memory.allocate(64);
    const ragdraft_cuda_embedding no_columns{0, 0, 0, nullptr};
    const auto embed = [&] { device->call(&ragdraft_cuda_api::embed, &no_columns, 1, reinterpret_cast<float*>(data.get())); };
    const std::string first = testing::thrown(embed);
    CHECK(first.find("ERR_DEVICE_FAILED: GPU: launching a kernel") == 0);
    CHECK(testing::thrown([&] { memory.zero(data.get(), 64); }).find("ERR_DEVICE_FAILED: GPU: it failed before: launching a kernel") == 0);
    CHECK(testing::thrown([&] { memory.allocate(1); }).find("ERR_DEVICE_FAILED") == 0);
  }
  CHECK(emulator::device_bytes_in_use() == before);
}
