// Each mma with operands built element by element from the layouts in ops/cuda/gpu.h, against the plain product.
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "base/half.h"
#include "data_seed.h"
#include "device_array.h"
#include "tap.h"

using namespace ragdraft;
using testing::DeviceArray;

namespace {

struct Operands {
  uint32_t a[4], b[2];
};

template <class Sum, void (*multiply)(Sum (&)[4], const uint32_t (&)[4], uint32_t, uint32_t)>
__global__ void product_kernel(const Operands* in, Sum* out) {
  const Operands& mine = in[threadIdx.x];
  Sum c[4] = {out[4 * threadIdx.x], out[4 * threadIdx.x + 1], out[4 * threadIdx.x + 2], out[4 * threadIdx.x + 3]};
  multiply(c, mine.a, mine.b[0], mine.b[1]);
  for (int i = 0; i < 4; i++) out[4 * threadIdx.x + i] = c[i];
}
__device__ void s8_k16(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t) { gpu::mma_s8_k16(c, a[0], a[1], b0); }
__device__ void u8s8_k16(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t) { gpu::mma_u8s8_k16(c, a[0], a[1], b0); }

// Elements as their bits: A [16][kDepth], B [kDepth][8].
template <int kDepth>
struct Matrices {
  std::array<std::array<uint32_t, kDepth>, 16> a;
  std::array<std::array<uint32_t, 8>, kDepth> b;
};

// Registers of a lane: kPer elements each.
template <int kDepth, int kPer>
std::vector<Operands> fragments(const Matrices<kDepth>& m) {
  constexpr unsigned kBits = 32 / kPer;
  std::vector<Operands> lanes(32, Operands{});
  for (unsigned lane = 0; lane < 32; lane++) {
    const unsigned g = lane / 4, first = lane % 4 * kPer;
    for (unsigned half = 0; half * 4 * kPer < kDepth; half++)
      for (unsigned i = 0; i < kPer; i++) {
        const unsigned k = first + half * 4 * kPer + i;
        lanes[lane].a[2 * half] |= m.a[g][k] << kBits * i;
        lanes[lane].a[2 * half + 1] |= m.a[g + 8][k] << kBits * i;
        lanes[lane].b[half] |= m.b[k][g] << kBits * i;
      }
  }
  return lanes;
}

// kernel's C - `start`, in every order, against sums of value_a(bits) * value_b(bits).
template <int kDepth, int kPer, class Sum, class ValueA, class ValueB>
void check_product(void (*kernel)(const Operands*, Sum*), const Matrices<kDepth>& m, ValueA value_a, ValueB value_b, double tolerance) {
  const DeviceArray<Operands> in(fragments<kDepth, kPer>(m));
  testing::for_all_orders([&](const std::string& order) {
    const DeviceArray<Sum> out(std::vector<Sum>(128, Sum(3)));
    gpu::Stream stream;
    gpu::launch(kernel, gpu::Shape{dim3(1), dim3(32)}, stream, in.get(), out.get());
    const std::vector<Sum> c = out.read(stream);
    for (unsigned row = 0; row < 16; row++)
      for (unsigned column = 0; column < 8; column++) {
        double sum = 3;
        for (unsigned k = 0; k < kDepth; k++) sum += double(value_a(m.a[row][k])) * double(value_b(m.b[k][column]));
        const unsigned lane = row % 8 * 4 + column / 2;
        const double got = double(c[4 * lane + row / 8 * 2 + column % 2]);
        CHECK_MSG(std::fabs(got - sum) <= tolerance, order + " " + std::to_string(row) + "," + std::to_string(column));
      }
  });
}

template <int kDepth, class Bits>
Matrices<kDepth> random_matrices(Bits bits) {
  Matrices<kDepth> m;
  for (auto& row : m.a)
    for (uint32_t& e : row) e = bits();
  for (auto& row : m.b)
    for (uint32_t& e : row) e = bits();
  return m;
}

}  // namespace

TEST("mma of bytes is exact: signed and unsigned A, depth 32 and 16") {
  std::mt19937 random(testing::seeded(3));
  const auto byte = [&] { return uint32_t(random() & 255); };
  const auto s8 = [](uint32_t bits) { return int(int8_t(bits)); };
  const auto u8 = [](uint32_t bits) { return int(bits); };
  const Matrices<32> deep = random_matrices<32>(byte);
  const Matrices<16> shallow = random_matrices<16>(byte);
  check_product<32, 4, int32_t>(product_kernel<int32_t, gpu::mma_s8>, deep, s8, s8, 0);
  check_product<32, 4, int32_t>(product_kernel<int32_t, gpu::mma_u8s8>, deep, u8, s8, 0);
  check_product<16, 4, int32_t>(product_kernel<int32_t, s8_k16>, shallow, s8, s8, 0);
  check_product<16, 4, int32_t>(product_kernel<int32_t, u8s8_k16>, shallow, u8, s8, 0);
}

TEST("mma of bf16 and f16 sums in f32") {
  std::mt19937 random(testing::seeded(4));
  std::normal_distribution<float> normal;
  const double tolerance = 16 * 30 * std::ldexp(1.0, -23);  // 16 terms of at most about 30, one rounding each
  const auto bf16 = [&] { return uint32_t(f32_to_bf16(normal(random))); };
  const auto f16 = [&] { return uint32_t(f32_to_f16(normal(random))); };
  const auto from_bf16 = [](uint32_t bits) { return bf16_to_f32(uint16_t(bits)); };
  const auto from_f16 = [](uint32_t bits) { return f16_to_f32(uint16_t(bits)); };
  check_product<16, 2, float>(product_kernel<float, gpu::mma_bf16>, random_matrices<16>(bf16), from_bf16, from_bf16, tolerance);
  check_product<16, 2, float>(product_kernel<float, gpu::mma_f16>, random_matrices<16>(f16), from_f16, from_f16, tolerance);
}

namespace {
template <bool kTransposed>
__global__ void tiles_kernel(const uint16_t* in, uint32_t* out) {
  uint16_t* const tiles = reinterpret_cast<uint16_t*>(gpu::dynamic_shared());  // [4][8][8]
  for (int i = 0; i < 8; i++) tiles[8 * threadIdx.x + i] = in[8 * threadIdx.x + i];
  __syncwarp();
  uint32_t r[4];
  if (kTransposed) gpu::ldmatrix_x4_trans(r, tiles + 8 * threadIdx.x);
  else gpu::ldmatrix_x4(r, tiles + 8 * threadIdx.x);
  for (int i = 0; i < 4; i++) out[4 * threadIdx.x + i] = r[i];
}
}  // namespace

TEST("ldmatrix hands out four tiles, by rows or by columns") {
  std::vector<uint16_t> in(256);
  for (size_t i = 0; i < in.size(); i++) in[i] = uint16_t(i);
  const DeviceArray<uint16_t> device_in(in);
  const DeviceArray<uint32_t> rows(128), columns(128);
  gpu::Stream stream;
  const gpu::Shape shape{dim3(1), dim3(32), 512};
  gpu::launch(tiles_kernel<false>, shape, stream, device_in.get(), rows.get());
  gpu::launch(tiles_kernel<true>, shape, stream, device_in.get(), columns.get());
  const std::vector<uint32_t> by_rows = rows.read(stream), by_columns = columns.read(stream);
  for (uint32_t lane = 0; lane < 32; lane++)
    for (uint32_t tile = 0; tile < 4; tile++) {
      const uint32_t g = lane / 4, t = lane % 4, base = 64 * tile;
      CHECK(by_rows[4 * lane + tile] == ((base + 8 * g + 2 * t) | (base + 8 * g + 2 * t + 1) << 16));
      CHECK(by_columns[4 * lane + tile] == ((base + 8 * (2 * t) + g) | (base + 8 * (2 * t + 1) + g) << 16));
    }
}
