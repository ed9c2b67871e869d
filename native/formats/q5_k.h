// As Q4_K, with 32 bytes before the nibbles whose bit `group` is the fifth bit of element i of that group.
#pragma once
#include "formats/k_scales.h"

namespace ragdraft::formats {

struct Q5_K {
  static constexpr uint32_t kId = 13;
  static constexpr char kName[] = "Q5_K";
  static constexpr int kBlockElements = 256, kBlockBytes = 4 + 12 + 32 + 128, kQuantBits = 5, kZero = 0, kHalves[] = {0, 2};
  using ComputedAs = Q5_K;

  RAGDRAFT_HOST_DEVICE static int quant(const uint8_t* block, int group, int i) {
    return (block[48 + group / 2 * 32 + i] >> group % 2 * 4 & 15) | (block[16 + i] >> group & 1) << 4;
  }

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static Scale scale(const uint8_t* block, int i) {
    return scale_and_minimum<Loads>(block, i / 2);
  }
  RAGDRAFT_HOST_DEVICE static int scale_byte(const uint8_t* block, int i) { return six_bit_scale(block + 4, i); }
};

}  // namespace ragdraft::formats
