// Formats without blocks: IEEE single and half precision, and the upper half of an F32.
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

struct BF16 {
  static constexpr uint32_t kId = 30;
  static constexpr char kName[] = "BF16";
  static constexpr int kBlockElements = 1, kBlockBytes = 2, kQuantBits = 0;
  using ComputedAs = BF16;
  template <class Loads>
  RAGDRAFT_HOST_DEVICE static float value(const uint8_t* block) {
    return Loads::bf16(block);
  }
};

}  // namespace ragdraft::formats
