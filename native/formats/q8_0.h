// f16 scale, 32 signed bytes.
#pragma once
#include "formats/block.h"

namespace ragdraft::formats {

struct Q8_0 {
  static constexpr uint32_t kId = 8;
  static constexpr char kName[] = "Q8_0";
  static constexpr int kBlockElements = 32, kBlockBytes = 2 + 32, kQuantBits = 8, kZero = 128, kHalves[] = {0};
  using ComputedAs = Q8_0;

  RAGDRAFT_HOST_DEVICE static int quant(const uint8_t* block, int, int i) { return block[2 + i] ^ 0x80; }

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static Scale scale(const uint8_t* block, int) {
    return {Loads::f16(block), 0};
  }
};

}  // namespace ragdraft::formats
