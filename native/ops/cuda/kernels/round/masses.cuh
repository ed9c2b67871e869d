// Probabilities as integers. Their sums are exact, hence the same bits in whatever order they are added, by however many threads; and a
// draw by inverse CDF finds its token by comparing integers, with no rounding that could let it miss all of them.
#pragma once
#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/round/round.h"

namespace ragdraft::ops::cuda {

// Of a weight in [0, 1] relative to the best token's, in units of 2^-42: kMostTokens of them fit. What is below half a unit is never
// drawn: at 128K tokens all of that is 1e-8 of the whole at most, less than the rounding of single weights.
__device__ inline Mass weight_mass(float weight) { return __float2ull_rn(weight * 0x1p42f); }
inline constexpr double kWeightUnit = 0x1p-42;
// Of a part of a distribution, all of whose parts together are at most 1 but for rounding, in units of 2^-60.
__device__ inline Mass share_mass(float share) { return __float2ull_rn(share * 0x1p60f); }

__device__ inline Mass warp_total(Mass mass) {
  for (int lanes = 16; lanes > 0; lanes /= 2) mass += __shfl_xor_sync(0xffffffffu, mass, lanes);
  return mass;
}
// Of masses[0, count), for every lane of the warp.
__device__ inline Mass warp_total(const Mass* masses, int count) {
  Mass mass = 0;
  for (int i = int(threadIdx.x) % 32; i < count; i += 32) mass += masses[i];
  return warp_total(mass);
}

template <int kWarps>
struct WarpMasses {
  Mass of[kWarps];
};

// All threads of the block call it; thread 0 gets the sum.
template <int kWarps>
__device__ Mass block_total(Mass mass) {
  WarpMasses<kWarps>& warps = gpu::shared<WarpMasses<kWarps>>();
  mass = warp_total(mass);
  if (threadIdx.x % 32 == 0) warps.of[threadIdx.x / 32] = mass;
  __syncthreads();
  Mass total = 0;
  if (threadIdx.x == 0)
    for (int warp = 0; warp < kWarps; warp++) total += warps.of[warp];
  __syncthreads();  // so that the memory can serve the next call
  return total;
}

// What is wanted of `total` > 0 by inverse CDF at u in (0, 1]: 1 .. total.
__device__ inline Mass wanted_mass(double u, Mass total) {
  const Mass wanted = __double2ull_ru(u * double(total));
  return min(max(wanted, Mass(1)), total);
}

struct Place {
  int index;
  Mass wanted;  // of the mass there: 1 .. all of it
};

// Where the sum of masses 0, 1, 2, ... first reaches `wanted`, 1 .. the sum of all `count`. All threads of the block call it and get it.
template <int kWarps, class MassOf>
__device__ Place find_place(int count, Mass wanted, const MassOf& mass_of) {
  constexpr int kThreads = kWarps * 32;
  WarpMasses<kWarps>& warps = gpu::shared<WarpMasses<kWarps>>();
  Place& place = gpu::shared<Place>();
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int each = (count + kThreads - 1) / kThreads, first = min(int(threadIdx.x) * each, count), end = min(first + each, count);
  Mass own = 0;
  for (int i = first; i < end; i++) own += mass_of(i);
  Mass through = own;  // of this thread and those before it in the warp
  for (int lanes = 1; lanes < 32; lanes *= 2) {
    const Mass before = __shfl_up_sync(0xffffffffu, through, unsigned(lanes));
    if (lane >= lanes) through += before;
  }
  if (lane == 31) warps.of[warp] = through;
  __syncthreads();
  Mass before = through - own;
  for (int w = 0; w < warp; w++) before += warps.of[w];
  if (before < wanted && wanted <= before + own) {  // one thread
    int i = first;
    for (Mass mass; wanted > before + (mass = mass_of(i)); i++) before += mass;
    place = {i, wanted - before};
  }
  __syncthreads();
  return place;
}

}  // namespace ragdraft::ops::cuda
