// Models on a device that fails or is too small: what is reported, what goes on, and that all memory comes back.
#include "cuda_model_fixture.h"
#include "ops/cuda/gpu.h"
#include "ops/cuda/cuda_backend.h"
#include "ops/cuda/capacity.h"
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

TEST("whether a model fits is known before anything is uploaded: the numbers cover what is then taken, and the error tells them") {
  const emulator::Config before = emulator::config();
  struct Case {
    testing::TinyShape shape;
    model::LoadOptions options{};
  };
  for (const auto& [shape, options] :
       {Case{{.embedding = 256, .feed_forward = 768, .vocab = 2000}},
        Case{{.architecture = "qwen2", .type = testing::DType::kBF16, .heads = 6, .head_dim = 16, .tied = true}},
        Case{{.type = testing::DType::kBF16, .embedding = 256, .feed_forward = 768, .vocab = 2000}, {.draft_copy = true}},
        Case{{.type = testing::DType::kQ4_K, .embedding = 256, .head_dim = 64, .feed_forward = 768, .vocab = 2000}},
        Case{{.type = testing::DType::kQ6_K, .embedding = 256, .head_dim = 64, .feed_forward = 256, .vocab = 1000}}}) {
    const TinyModel model(shape);
    const auto backend = std::make_shared<ops::cuda::CudaBackend>(testing::api(), 0);
    const ops::Demand demand = model.demand(*backend, 512, options);
    const ops::cuda::MemoryNeeded need = ops::cuda::memory_needed(testing::api(), demand);
    const size_t empty = emulator::device_bytes_in_use();
    {
      const auto loaded = model.load(backend, options);
      const size_t weights = emulator::device_bytes_in_use() - empty;
      CHECK(weights <= need.weights + demand.other_bytes);
      Context context(loaded, kv::KvType::kBF16, ops::Precision::kFull, demand.tokens);
      const Tokens tokens = model.random_tokens(256, 1);
      context.append(tokens, 256);
      context.append(tokens, 1);
      backend->rounds()->begin({.keeps_q = true, .valid = loaded->config().vocab}, 0);
      CHECK(emulator::device_bytes_in_use() - empty <= need.total());
    }
    emulator::config().memory_bytes = emulator::device_bytes_in_use() + need.total();
    backend->require_capacity(demand);
    emulator::config().memory_bytes--;
    const std::string error = testing::thrown([&] { backend->require_capacity(demand); });
    CHECK_MSG(error.find("ERR_OUT_OF_MEMORY: the model needs 0.") == 0 && error.find(" for 512 tokens of context, ") != std::string::npos, error);
    emulator::config() = before;
  }
}
