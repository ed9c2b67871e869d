// The emulator finds what it is there to find: each kernel with a planted bug is reported, its sound twin is not.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "device_array.h"
#include "tap.h"

using namespace ragdraft;
using testing::DeviceArray;

namespace {

constexpr int kThreads = 128;

struct Values {
  float value[kThreads];
};

// out[i] = in[kThreads - 1 - i], through shared memory.
template <bool kBarrier>
__global__ void reverse_kernel(const float* in, float* out) {
  Values& values = gpu::shared<Values>();
  values.value[threadIdx.x] = in[threadIdx.x];
  if (kBarrier) __syncthreads();
  out[threadIdx.x] = values.value[kThreads - 1 - threadIdx.x];
}

// out[i] = sum of rounds t < 4 of in[t][i], copied ahead by one round.
template <int kPending>
__global__ void pipeline_kernel(const float* in, float* out) {
  float* const ring = reinterpret_cast<float*>(gpu::dynamic_shared());  // [2][4 * kThreads]
  const auto copy = [&](int round) {
    const int at = 4 * int(threadIdx.x);
    gpu::cp_async16(ring + round % 2 * 4 * kThreads + at, in + round * 4 * kThreads + at, true);
  };
  copy(0);
  gpu::cp_async_commit();
  float sum = 0;
  for (int round = 0; round < 4; round++) {
    if (round < 3) copy(round + 1);
    gpu::cp_async_commit();
    gpu::cp_async_wait<kPending>();
    __syncthreads();
    sum += ring[round % 2 * 4 * kThreads + (4 * threadIdx.x + 7) % (4 * kThreads)];
    __syncthreads();
  }
  gpu::cp_async_wait<0>();
  out[threadIdx.x] = sum;
}

__global__ void half_at_barrier_kernel(float* out) {
  if (threadIdx.x < 64) __syncthreads();
  else out[threadIdx.x] = 1;
  __syncthreads();
}
__global__ void half_of_a_shuffle_kernel(float* out) {
  float value = 1;
  if (threadIdx.x < 16) value = __shfl_xor_sync(0xffffffffu, value, 1);
  out[threadIdx.x] = value;
}
__global__ void early_exit_kernel(float* out) {
  if (threadIdx.x >= 40) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void two_masks_kernel(float* out) {
  const float lane = float(threadIdx.x);
  out[threadIdx.x] = threadIdx.x < 16 ? __shfl_xor_sync(0x0000ffffu, lane, 1) : __shfl_xor_sync(0xffff0000u, lane, 2);
}
__global__ void past_the_end_kernel(float* out, int index) { out[index] = 1; }

// The last of the blocks to arrive sums what all have written, in order.
__global__ void last_block_kernel(float* partial, unsigned* arrived, float* out) {
  bool& last = gpu::shared<bool>();
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = 1.0f / float(blockIdx.x + 1);
    __threadfence();
    last = atomicAdd(arrived, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  float sum = 0;
  for (unsigned i = 0; i < gridDim.x; i++) sum += partial[i];
  *out = sum;
}

// The message of what the device reports, or "".
template <class Launch>
std::string fault(const Launch& launch) {
  gpu::Stream stream;
  try {
    launch(stream);
    stream.synchronize();
  } catch (const Error& e) {
    return e.code() == Code::kDeviceFailed ? e.what() : "another error";
  }
  return "";
}

// Whether `act` ends the process that runs it.
template <class Act>
bool is_fatal(const Act& act) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
    act();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

std::vector<float> counting(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

const gpu::Shape kOneBlock{dim3(1), dim3(kThreads)};

}  // namespace

TEST("a missing barrier shows in some order; with it every order gives the result") {
  const std::vector<float> in = counting(kThreads), expected(in.rbegin(), in.rend());
  const DeviceArray<float> device_in(in);
  int wrong = 0;
  testing::for_all_orders([&](const std::string& order) {
    gpu::Stream stream;
    const DeviceArray<float> out(kThreads), unguarded(kThreads);
    gpu::launch(reverse_kernel<true>, kOneBlock, stream, device_in.get(), out.get());
    CHECK_MSG(out.read(stream) == expected, order);
    gpu::launch(reverse_kernel<false>, kOneBlock, stream, device_in.get(), unguarded.get());
    wrong += unguarded.read(stream) != expected;
  });
  CHECK(wrong > 0);
}

TEST("a wait that lets one copy too many be under way reads old bytes") {
  const std::vector<float> in = counting(4 * 4 * kThreads);
  std::vector<float> expected(kThreads, 0.0f);
  for (size_t i = 0; i < kThreads; i++)
    for (size_t round = 0; round < 4; round++) expected[i] += in[round * 4 * kThreads + (4 * i + 7) % (4 * kThreads)];
  const DeviceArray<float> device_in(in), out(kThreads);
  const gpu::Shape shape{dim3(1), dim3(kThreads), 2 * 4 * kThreads * sizeof(float)};
  gpu::Stream stream;
  gpu::launch(pipeline_kernel<1>, shape, stream, device_in.get(), out.get());
  CHECK(out.read(stream) == expected);
  gpu::launch(pipeline_kernel<2>, shape, stream, device_in.get(), out.get());
  CHECK(out.read(stream) != expected);
}

TEST("divergence is named with its place: two barriers, half a shuffle; threads that ended are not waited for") {
  const DeviceArray<float> out(kThreads);
  const auto launched = [&](void (*kernel)(float*), int threads) {
    return fault([&](gpu::Stream& stream) { gpu::launch(kernel, gpu::Shape{dim3(1), dim3(unsigned(threads))}, stream, out.get()); });
  };
  CHECK(launched(half_at_barrier_kernel, kThreads).find("divergent barrier") != std::string::npos);
  CHECK(launched(half_of_a_shuffle_kernel, 32).find("16 threads at __shfl_xor_sync") != std::string::npos);
  CHECK(launched(early_exit_kernel, kThreads).empty());
  CHECK(launched(two_masks_kernel, 32).empty());
  gpu::Stream stream;
  const std::vector<float> values = out.read(stream);
  CHECK(values[0] == 1 && values[1] == 0 && values[16] == 18);
}

TEST("reductions by the last block to arrive are the same in every order of blocks, on one and several OS threads") {
  constexpr unsigned kBlocks = 37;
  std::vector<float> results;
  for (const int os_threads : {1, 3})
    testing::for_all_orders([&](const std::string&) {
      emulator::config().os_threads = os_threads;
      gpu::Stream stream;
      const DeviceArray<float> partial(kBlocks), out(1);
      const DeviceArray<unsigned> arrived(std::vector<unsigned>{0});
      gpu::launch(last_block_kernel, gpu::Shape{dim3(kBlocks), dim3(32)}, stream, partial.get(), arrived.get(), out.get());
      results.push_back(out.read(stream)[0]);
    });
  CHECK(results.size() == 6 && std::isfinite(results[0]));
  for (const float result : results) CHECK(result == results[0]);
}

TEST("a kernel that leaves its array, and host code that follows a device pointer, end at once") {
  for (const int index : {4, -1500})  // the array is the end of its page, the page before that is a guard
    CHECK(is_fatal([&] {
      const DeviceArray<float> array(4);
      gpu::Stream stream;
      gpu::launch(past_the_end_kernel, gpu::Shape{dim3(1), dim3(1)}, stream, array.get(), index);
      stream.synchronize();
    }));
  CHECK(is_fatal([] {
    const DeviceArray<float> array(4);
    array.get()[0] = 1;
  }));
}

TEST("a stream works when it is waited for, in order; a graph replays what it recorded") {
  const DeviceArray<float> array(4);
  std::vector<float> source = {1, 2, 3, 4}, result(4, -1.0f);
  gpu::Stream stream;
  stream.to_device(array.get(), source.data(), sizeof(float) * 4);
  stream.to_host(result.data(), array.get(), sizeof(float) * 4);
  CHECK(result[0] == -1);
  source[0] = 5;  // too early: the copy sees it
  stream.synchronize();
  CHECK(result == (std::vector<float>{5, 2, 3, 4}));

  stream.begin_capture();
  gpu::launch(past_the_end_kernel, gpu::Shape{dim3(1), dim3(1)}, stream, array.get(), 2);
  stream.to_host(result.data(), array.get(), sizeof(float) * 4);
  const gpu::Graph graph = stream.end_capture();
  stream.synchronize();
  CHECK(result[2] == 3);
  for (int replay = 0; replay < 2; replay++) {
    stream.fill(array.get(), 0, sizeof(float) * 4);
    graph.launch(stream);
    stream.synchronize();
    CHECK(result == (std::vector<float>{0, 0, 1, 0}));
  }
}

TEST("memory is counted, NaN before it is written, and refused beyond the device's") {
  const size_t before = gpu::memory_info().free;
  {
    const DeviceArray<float> array(1000);
    CHECK(gpu::memory_info().free == before - 4000);
    gpu::Stream stream;
    for (const float value : array.read(stream)) CHECK(std::isnan(value));
    CHECK_THROWS(kOutOfMemory, gpu::allocate(before));
  }
  CHECK(gpu::memory_info().free == before);
}

TEST("a grid, a block or shared memory that CUDA would refuse is refused, and a failed stream stays failed") {
  const DeviceArray<float> out(kThreads);
  gpu::Stream stream;
  CHECK_THROWS(kDeviceFailed, gpu::launch(early_exit_kernel, gpu::Shape{dim3(0), dim3(32)}, stream, out.get()));
  CHECK_THROWS(kDeviceFailed, gpu::launch(early_exit_kernel, gpu::Shape{dim3(1), dim3(1025)}, stream, out.get()));
  CHECK_THROWS(kDeviceFailed, gpu::launch(early_exit_kernel, gpu::Shape{dim3(1, 65536), dim3(32)}, stream, out.get()));
  CHECK_THROWS(kDeviceFailed, gpu::launch(early_exit_kernel, gpu::Shape{dim3(1), dim3(32), 228 << 10}, stream, out.get()));
  gpu::launch(half_at_barrier_kernel, kOneBlock, stream, out.get());
  CHECK_THROWS(kDeviceFailed, stream.synchronize());
  CHECK_THROWS(kDeviceFailed, stream.synchronize());
}
