#include "ops/cuda/kernels/round/masses.cuh"

#include <cmath>
#include <random>

#include "data_seed.h"
#include "device_array.h"
#include "sampling/rng.h"
#include "tap.h"

using namespace ragdraft;
using ops::cuda::Mass;
using ops::cuda::Place;
using testing::DeviceArray;

namespace {

constexpr int kWarps = 4;

__global__ void places_kernel(const Mass* masses, int count, const Mass* wanted, int searches, Place* places) {
  for (int i = 0; i < searches; i++) {
    const Place place = ops::cuda::find_place<kWarps>(count, wanted[i], [&](int k) { return masses[k]; });
    if (threadIdx.x == 0) places[i] = place;
  }
}

__global__ void totals_kernel(const Mass* masses, Mass* totals) {
  const Mass block = ops::cuda::block_total<kWarps>(masses[threadIdx.x]);
  if (threadIdx.x == 0) totals[0] = block;
  totals[1 + threadIdx.x] = ops::cuda::warp_total(masses, 32 * kWarps);
}

__global__ void wanted_kernel(const double* u, const Mass* total, Mass* wanted) { *wanted = ops::cuda::wanted_mass(*u, *total); }

__global__ void uniform_kernel(const uint64_t* seeds, double* out) {
  const int i = int(threadIdx.x);
  out[i] = sampling::PositionRng(seeds[i]).uniform(1000 * i, sampling::Purpose(i % 3));
}

}  // namespace

TEST("a place is the first where the sum reaches what is wanted, at every border, with masses of nothing between") {
  std::mt19937_64 random(testing::seeded(1));
  for (const int count : {1, 2, 31, 128, 129, 500}) {
    std::vector<Mass> masses(static_cast<size_t>(count)), wanted;
    for (Mass& mass : masses) mass = random() % 3 == 0 ? 0 : random() >> (20 + random() % 40);
    masses[size_t(count) / 2] += 2;
    std::vector<Place> expected;
    Mass before = 0;
    for (int i = 0; i < count; i++) {
      const Mass mass = masses[size_t(i)];
      for (const Mass part : {Mass(1), mass / 2, mass}) {
        if (part == 0 || part > mass) continue;
        wanted.push_back(before + part);
        expected.push_back({i, part});
      }
      before += mass;
    }
    testing::for_all_orders([&](const std::string& order) {
      gpu::Stream stream;
      const DeviceArray<Mass> device_masses(masses), device_wanted(wanted);
      const DeviceArray<Place> places(wanted.size());
      gpu::launch(places_kernel, gpu::Shape{dim3(1), dim3(32 * kWarps)}, stream, device_masses.get(), count, device_wanted.get(),
                  int(wanted.size()), places.get());
      const std::vector<Place> got = places.read(stream);
      for (size_t i = 0; i < got.size(); i++)
        CHECK_MSG(got[i].index == expected[i].index && got[i].wanted == expected[i].wanted, order + " " + std::to_string(count));
    });
  }
}

TEST("totals are exact up to the largest") {
  std::vector<Mass> masses(32 * kWarps);
  std::mt19937_64 random(testing::seeded(2));
  Mass expected = 0;
  for (Mass& mass : masses) expected += mass = random() >> 9;
  gpu::Stream stream;
  const DeviceArray<Mass> device_masses(masses), totals(masses.size() + 1);
  gpu::launch(totals_kernel, gpu::Shape{dim3(1), dim3(32 * kWarps)}, stream, device_masses.get(), totals.get());
  for (const Mass total : totals.read(stream)) CHECK(total == expected);
}

TEST("what is wanted is within 1 and all there is") {
  const Mass large = (Mass{1} << 62) - 1;
  const struct {
    double u;
    Mass total, wanted;
  } kCases[] = {{0x1p-53, 5, 1}, {1, 5, 5}, {0.2, 5, 1}, {0.4000001, 5, 3}, {1, large, large}, {0x1p-53, large, 512}, {1, 1, 1}};
  for (const auto& c : kCases) {
    gpu::Stream stream;
    const DeviceArray<double> u(std::vector<double>{c.u});
    const DeviceArray<Mass> total(std::vector<Mass>{c.total}), wanted(1);
    gpu::launch(wanted_kernel, gpu::Shape{dim3(1), dim3(1)}, stream, u.get(), total.get(), wanted.get());
    CHECK(wanted.read(stream)[0] == c.wanted);
  }
}

TEST("random numbers of kernels are the host's") {
  std::vector<uint64_t> seeds(64);
  std::mt19937_64 random(testing::seeded(3));
  for (uint64_t& seed : seeds) seed = random();
  gpu::Stream stream;
  const DeviceArray<uint64_t> device_seeds(seeds);
  const DeviceArray<double> out(seeds.size());
  gpu::launch(uniform_kernel, gpu::Shape{dim3(1), dim3(unsigned(seeds.size()))}, stream, device_seeds.get(), out.get());
  const std::vector<double> got = out.read(stream);
  for (int i = 0; i < int(seeds.size()); i++)
    CHECK(got[size_t(i)] == sampling::PositionRng(seeds[size_t(i)]).uniform(1000 * i, sampling::Purpose(i % 3)));
}
