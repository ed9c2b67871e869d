// What attention's weights and bytes go through (ops/cuda/gpu.h).
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/half.h"
#include "device_array.h"
#include "tap.h"

using namespace ragdraft;
using testing::DeviceArray;

namespace {

__global__ void bytes_kernel(uint32_t* halves) {
  const uint32_t low = blockIdx.x, high = threadIdx.x;
  halves[low * 256 + high] = gpu::s8_to_bf16(high << 16 | low | 0xa500a500u);  // bytes 1 and 3 are somebody else's
}
__global__ void powers_kernel(const float* x, float* y) { y[threadIdx.x] = gpu::exp2_fast(x[threadIdx.x]); }
__global__ void pack_kernel(const float* x, uint32_t* f16, uint32_t* bf16) {
  const int i = int(threadIdx.x);
  f16[i] = gpu::pack_f16(x[2 * i], x[2 * i + 1]);
  bf16[i] = gpu::pack_bf16(x[2 * i], x[2 * i + 1]);
}

}  // namespace

TEST("every pair of signed bytes as bf16, exactly") {
  const DeviceArray<uint32_t> halves(256 * 256);
  gpu::Stream stream;
  gpu::launch(bytes_kernel, gpu::Shape{dim3(256), dim3(256)}, stream, halves.get());
  const std::vector<uint32_t> out = halves.read(stream);
  bool exact = true;
  for (uint32_t low = 0; low < 256; low++)
    for (uint32_t high = 0; high < 256; high++) {
      const uint32_t pair = out[low * 256 + high];
      exact = exact && bf16_to_f32(uint16_t(pair)) == float(int8_t(low)) && bf16_to_f32(uint16_t(pair >> 16)) == float(int8_t(high));
    }
  CHECK(exact);
}

TEST("pairs of floats as halves, to nearest even, the first in the lower half") {
  const std::vector<float> x = {1, -2, 0.1f, 1.0f / 3, 1.00390625f, 1.01171875f, 1e-7f, 0, 65504, -1e-3f};
  const DeviceArray<float> values(x);
  const DeviceArray<uint32_t> f16(x.size() / 2), bf16(x.size() / 2);
  gpu::Stream stream;
  gpu::launch(pack_kernel, gpu::Shape{dim3(1), dim3(unsigned(x.size() / 2))}, stream, values.get(), f16.get(), bf16.get());
  const std::vector<uint32_t> f16_pairs = f16.read(stream), bf16_pairs = bf16.read(stream);
  for (size_t i = 0; i < x.size() / 2; i++) {
    CHECK(f16_pairs[i] == (f32_to_f16(x[2 * i]) | uint32_t(f32_to_f16(x[2 * i + 1])) << 16));
    CHECK(bf16_pairs[i] == (f32_to_bf16(x[2 * i]) | uint32_t(f32_to_bf16(x[2 * i + 1])) << 16));
  }
}

TEST("powers of two: exact where attention needs it, else to 2 units in the last place") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0.0f, -0.0f, -kInfinity, -127, -1000, kInfinity, std::nanf("")};
  for (int i = 0; i < 200; i++) x.push_back(20 - 0.73f * float(i));
  const DeviceArray<float> in(x), out(x.size());
  gpu::Stream stream;
  gpu::launch(powers_kernel, gpu::Shape{dim3(1), dim3(unsigned(x.size()))}, stream, in.get(), out.get());
  const std::vector<float> y = out.read(stream);
  CHECK(y[0] == 1 && y[1] == 1 && y[2] == 0 && y[3] == 0 && y[4] == 0 && y[5] == kInfinity && std::isnan(y[6]));
  for (size_t i = 7; i < x.size(); i++) {
    const double exact = std::exp2(double(x[i]));
    // The manual: 2^-22.5 relative over all inputs. What is near 2^-126 may be flushed already.
    CHECK_MSG(exact < 0x1p-125 || std::fabs(y[i] / exact - 1) <= 0x1p-22, std::to_string(x[i]));
  }
}
