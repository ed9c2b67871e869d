// f16 scale, 16 bytes: the low nibbles are elements 0..15, the high ones 16..31.
#pragma once
#include "formats/block.h"

namespace ragdraft::formats {

struct Q4_0 {
  static constexpr uint32_t kId = 2;
  static constexpr char kName[] = "Q4_0";
  static constexpr int kBlockElements = 32, kBlockBytes = 2 + 16, kQuantBits = 4, kZero = 8, kHalves[] = {0};
  using ComputedAs = Q4_0;

  RAGDRAFT_HOST_DEVICE static int quant(const uint8_t* block, int, int i) { return block[2 + i % 16] >> i / 16 * 4 & 15; }

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static Scale scale(const uint8_t* block, int) {
    return {Loads::f16(block), 0};
  }
};

}  // namespace ragdraft::formats
