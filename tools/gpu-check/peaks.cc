#include "peaks.h"

#include <algorithm>

#include "timing.h"

namespace ragdraft::gpu_check {
namespace {

constexpr int kThreads = 256, kUnroll = 4, kCalls = 4;

// Sums that nobody reads, but that the compiler cannot know to be unwanted.
__global__ void read_kernel(const uint4* in, int64_t count, uint32_t* out) {
  const int64_t step = int64_t(gridDim.x) * kThreads;
  uint32_t sum = 0;
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < count; i += step * kUnroll) {
    uint4 v[kUnroll];
    for (int u = 0; u < kUnroll; u++) v[u] = i + u * step < count ? gpu::load_stream(in + i + u * step) : uint4{0, 0, 0, 0};
    for (int u = 0; u < kUnroll; u++) sum += v[u].x ^ v[u].y ^ v[u].z ^ v[u].w;
  }
  if (sum == 0x12345678u) *out = sum;
}

constexpr int kChains = 8;  // of products that do not wait for each other
__global__ void mma_kernel(int rounds, float* out) {
  float c[kChains][4] = {};
  const uint32_t lane = threadIdx.x, one = 0x3f80bf80u ^ lane << 16;  // two bf16 of either sign, not far from 1
  const uint32_t a[4] = {one, one ^ 0x80000000u, one ^ 0x8000u, one ^ 0x00400000u};
  for (int round = 0; round < rounds; round++)
    for (int chain = 0; chain < kChains; chain++) gpu::mma_bf16(c[chain], a, one ^ uint32_t(chain), one);
  float sum = 0;
  for (int chain = 0; chain < kChains; chain++)
    for (int i = 0; i < 4; i++) sum += c[chain][i];
  if (sum == 0.123f) out[0] = sum;
}

class Buffer {
 public:
  Buffer(size_t bytes, gpu::Stream& stream) : data_(gpu::allocate(bytes)) {
    stream.fill(data_, 0x3c, bytes);
    stream.synchronize();
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { gpu::release(data_); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* const data_;
};

}  // namespace

Peaks measure_peaks(const Options& options, int multiprocessors) {
  gpu::Stream stream;
  const size_t bytes = std::min(size_t(options.read_mebibytes) << 20, gpu::memory_info().free / 2 / sizeof(uint4) * sizeof(uint4));
  const int64_t count = int64_t(bytes / sizeof(uint4));
  const Buffer from(bytes, stream), to(sizeof(uint4), stream);
  Peaks peaks;
  for (const int blocks : {4, 8}) {  // of a multiprocessor: which is faster differs
    const gpu::Shape shape{dim3(unsigned(multiprocessors * blocks)), dim3(kThreads)};
    const double read = launch_ms(stream, options.runs, kCalls, [&](int) { gpu::launch(read_kernel, shape, stream, from.as<uint4>(), count, to.as<uint32_t>()); });
    const double mma = launch_ms(stream, options.runs, kCalls, [&](int) { gpu::launch(mma_kernel, shape, stream, options.mma_rounds, to.as<float>()); });
    const double operations = 2.0 * 16 * 8 * 16 * kChains * options.mma_rounds * (kThreads / 32) * shape.grid.x;
    peaks.read_gbps = std::max(peaks.read_gbps, double(bytes) / read / 1e6);
    peaks.bf16_gops = std::max(peaks.bf16_gops, operations / mma / 1e6);
  }
  return peaks;
}

}  // namespace ragdraft::gpu_check
