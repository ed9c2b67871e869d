// IEEE half precision.
#pragma once
#include "formats/block.h"

namespace ragdraft::formats {

struct F16 {
  static constexpr uint32_t kId = 1;
  static constexpr char kName[] = "F16";
  static constexpr int kBlockElements = 1, kBlockBytes = 2, kQuantBits = 0;
  using ComputedAs = F16;

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static float value(const uint8_t* block) {
    return Loads::f16(block);
  }
};

}  // namespace ragdraft::formats
