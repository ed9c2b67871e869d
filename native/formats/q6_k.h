// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed scales of 16 elements each, f16 scale. Each half of 128 elements is
// four runs of 32: runs 0, 1 in the low nibbles of 64 bytes, runs 2, 3 in the high ones; run r has bits 2r, 2r + 1 of 32 bytes.
#pragma once
#include "formats/block.h"

namespace ragdraft::formats {

struct Q6_K {
  static constexpr uint32_t kId = 14;
  static constexpr char kName[] = "Q6_K";
  static constexpr int kBlockElements = 256, kBlockBytes = 128 + 64 + 16 + 2, kQuantBits = 6, kZero = 32, kHalves[] = {208};
  using ComputedAs = Q6_K;

  RAGDRAFT_HOST_DEVICE static int quant(const uint8_t* block, int group, int i) {
    const int half = group / 4, run = group % 4;
    return (block[64 * half + run % 2 * 32 + i] >> run / 2 * 4 & 15) | (block[128 + 32 * half + i] >> 2 * run & 3) << 4;
  }

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static Scale scale(const uint8_t* block, int i) {
    return {Loads::f16(block + 208) * float(int8_t(scale_byte(block, i))), 0};
  }
  RAGDRAFT_HOST_DEVICE static int scale_byte(const uint8_t* block, int i) { return block[192 + i]; }
};

}  // namespace ragdraft::formats
