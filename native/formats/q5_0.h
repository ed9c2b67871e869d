// f16 scale, 32 bits: the fifth bit of each element, 16 bytes of nibbles as Q4_0.
#pragma once
#include "formats/q8_0.h"

namespace ragdraft::formats {

struct Q5_0 {
  static constexpr uint32_t kId = 6;
  static constexpr char kName[] = "Q5_0";
  static constexpr int kBlockElements = 32, kBlockBytes = 2 + 4 + 16, kQuantBits = 5, kZero = 16, kHalves[] = {0};
  using ComputedAs = Q8_0;

  RAGDRAFT_HOST_DEVICE static int quant(const uint8_t* block, int, int i) {
    return (block[6 + i % 16] >> i / 16 * 4 & 15) | (block[2 + i / 8] >> i % 8 & 1) << 4;
  }

  template <class Loads>
  RAGDRAFT_HOST_DEVICE static Scale scale(const uint8_t* block, int) {
    return {Loads::f16(block), 0};
  }

  // Eight times the quant under an eighth of the scale: the upper four bits of the byte, which drafts read alone, are then those of the
  // quant. Where an eighth of the scale is no f16 (some below 2^-11), scale and quant stay as they are.
  static void recode(const uint8_t* block, uint8_t* out) {
    const uint16_t scale = load_u16(block), eighth = f32_to_f16(f16_to_f32(scale) / 8);
    const bool exact = f16_to_f32(eighth) * 8 == f16_to_f32(scale);
    const uint16_t kept = exact ? eighth : scale;
    std::memcpy(out, &kept, sizeof kept);
    for (int i = 0; i < kBlockElements; i++) out[2 + i] = uint8_t((quant(block, 0, i) - kZero) * (exact ? 8 : 1));
  }
};

}  // namespace ragdraft::formats
