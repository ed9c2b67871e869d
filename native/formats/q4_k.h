// f16 scale, f16 minimum, 12 bytes of sub-block scales, 128 bytes of nibbles. Each 32 bytes hold two sub-blocks of 32: the low nibbles,
// then the high ones.
#pragma once
#include "formats/k_scales.h"

namespace ragdraft::formats {

struct Q4_K {
  static constexpr uint32_t kId = 12;
  static constexpr char kName[] = "Q4_K";
  static constexpr int kBlockElements = 256, kBlockBytes = 4 + 12 + 128, kQuantBits = 4, kZero = 0, kHalves[] = {0, 2};
  using ComputedAs = Q4_K;

  RAGDRAFT_HOST_DEVICE static int quant(const uint8_t* block, int group, int i) {
    return block[16 + group / 2 * 32 + i] >> group % 2 * 4 & 15;
  }

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static Scale scale(const uint8_t* block, int i) {
    return scale_and_minimum<Loads>(block, i / 2);
  }
  RAGDRAFT_HOST_DEVICE static int scale_byte(const uint8_t* block, int i) { return six_bit_scale(block + 4, i); }
};

}  // namespace ragdraft::formats
