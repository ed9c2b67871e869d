// IEEE single precision.
#pragma once
#include "formats/block.h"

namespace ragdraft::formats {

struct F32 {
  static constexpr uint32_t kId = 0;
  static constexpr char kName[] = "F32";
  static constexpr int kBlockElements = 1, kBlockBytes = 4, kQuantBits = 0;
  using ComputedAs = F32;

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static float value(const uint8_t* block) {
    return Loads::f32(block);
  }
};

}  // namespace ragdraft::formats
