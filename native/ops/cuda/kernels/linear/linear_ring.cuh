// Weights on their way from device memory, without a register held for them: a block of 8 warps has 32 KiB (kStrips = 2) or 40 KiB (1)
// under way. A multiprocessor of an H200 takes 36 bytes a nanosecond, and the memory answers after some 700: 25 KiB keep it busy. Two
// blocks fit where a multiprocessor has 100 KiB.
#pragma once
#include "ops/cuda/gpu.h"

namespace ragdraft::ops::cuda {

inline constexpr int kGroupPieces = 2 * 32;  // uint4 of a stage and a strip: two a lane

// Of one warp. Stage by stage the lane's two pieces of kStrips strips; a lane reads what it has copied itself, so nobody waits for anybody.
template <int kStrips>
class WeightRing {
 public:
  static constexpr int kStages = 6 / kStrips;
  static constexpr size_t kBytes = size_t(kStages) * kStrips * kGroupPieces * sizeof(uint4);

  // from: the lane's first piece; strip: from a strip to the next; count: stages.
  __device__ WeightRing(unsigned char* memory, int lane, const uint4* from, int64_t strip, int64_t count)
      : slots_(reinterpret_cast<uint4*>(memory) + lane), from_(from), strip_(strip), count_(count) {
    for (int i = 0; i < kStages - 1; i++) request();
  }
  // The next stage. The copies that are asked for here take the place of the stage before, whose values have been used.
  __device__ void next(uint4 (&weights)[kStrips][2]) {
    gpu::cp_async_wait<kStages - 2>();
    const uint4* slot = slots_ + full_ * (kStrips * kGroupPieces);
    for (int s = 0; s < kStrips; s++)
      for (int half = 0; half < 2; half++) weights[s][half] = slot[(2 * s + half) * 32];
    full_ = full_ + 1 == kStages ? 0 : full_ + 1;
    request();
  }

 private:
  __device__ void request() {
    if (count_ > 0) {
      uint4* slot = slots_ + free_ * (kStrips * kGroupPieces);
      for (int s = 0; s < kStrips; s++)
        for (int half = 0; half < 2; half++) gpu::cp_async16_stream(slot + (2 * s + half) * 32, from_ + s * strip_ + half * 32, true);
    }
    gpu::cp_async_commit();
    free_ = free_ + 1 == kStages ? 0 : free_ + 1;
    from_ += kGroupPieces;
    count_--;
  }
  uint4* const slots_;
  const uint4* from_;
  const int64_t strip_;
  int64_t count_;  // of the stages that are not asked for
  int full_ = 0, free_ = 0;
};

}  // namespace ragdraft::ops::cuda
