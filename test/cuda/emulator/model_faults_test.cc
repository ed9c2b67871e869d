// Models on a device that fails or is too small: what is reported, what goes on, and that all memory comes back.
#include "cuda_model_fixture.h"
#include "ops/cuda/gpu.h"
#include "tap.h"

using namespace ragdraft;
using testing::Context;
using testing::Logits;
using testing::same_bits;
using testing::TinyModel;
using testing::Tokens;

TEST("a model holds its weights in device memory as long as it lives") {
  const size_t before = emulator::device_bytes_in_use();
  {
    const auto device = TinyModel({}).load(testing::cuda_backend());
    CHECK(emulator::device_bytes_in_use() - before > size_t(device->weight_bytes()));
  }
  CHECK(emulator::device_bytes_in_use() == before);
}

TEST("a kernel that fails ends the pass and every later one with ERR_DEVICE_FAILED; other devices in use go on, all memory comes back") {
  const TinyModel model({});
  const Tokens tokens = model.random_tokens(10, 14);
  const size_t before = emulator::device_bytes_in_use();
  {
    const auto healthy = model.load(testing::cuda_backend());
    const Logits expected = Context(healthy).append(tokens, 10);
    for (const int launches : {0, 5, 14}) {
      const auto device = model.load(testing::cuda_backend());
      Context context(device), other(device);
      emulator::config().launches_until_fault = launches;
      CHECK_THROWS(kDeviceFailed, context.append(tokens, 1));
      emulator::config().launches_until_fault = -1;
      CHECK(context.sequence().length() == 0);
      CHECK_THROWS(kDeviceFailed, context.append(tokens, 1));
      CHECK_THROWS(kDeviceFailed, other.append(tokens, 0));
      CHECK_THROWS(kDeviceFailed, device->wait());
      CHECK_THROWS(kDeviceFailed, Context{device});
      CHECK(same_bits(Context(healthy).append(tokens, 10), expected));
    }
    // A prefill returns before the device has begun; who waits for it is told.
    const auto device = model.load(testing::cuda_backend());
    Context context(device);
    emulator::config().launches_until_fault = 3;
    context.append(tokens, 0);
    CHECK_THROWS(kDeviceFailed, device->wait());
    emulator::config().launches_until_fault = -1;
  }
  CHECK(emulator::device_bytes_in_use() == before);
}

TEST("a device too small for the weights, a sequence or a pass is ERR_OUT_OF_MEMORY, and goes on") {
  const TinyModel model({});
  const emulator::Config before = emulator::config();
  const auto device = model.load(testing::cuda_backend());
  const Tokens tokens = model.random_tokens(3, 15);
  Context context(device);
  emulator::config().memory_bytes = emulator::device_bytes_in_use() + 1000;
  CHECK_THROWS(kOutOfMemory, context.append(tokens, 1));  // its logits and scratch memory come with the first pass
  CHECK_THROWS(kOutOfMemory, Context{device});
  CHECK_THROWS(kOutOfMemory, model.load(testing::cuda_backend()));
  emulator::config() = before;
  CHECK(context.sequence().length() == 0);
  CHECK(same_bits(context.append(tokens, 1), Context(device).append(tokens, 1)));
}
