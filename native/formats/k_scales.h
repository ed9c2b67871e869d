// Eight 6-bit scales and eight 6-bit minimums in 12 bytes, of Q4_K and Q5_K. Sub-blocks 0..3: the low six bits of bytes 0..3 (scale) and
// 4..7 (minimum). Sub-blocks 4..7: low four bits in byte 8 + (s - 4) (scale: low nibble, minimum: high nibble), their top two bits in the
// top bits of bytes s - 4 and s.
#pragma once
#include "formats/block.h"

namespace ragdraft::formats {

// i: twice the sub-block, plus 1 for its minimum.
RAGDRAFT_HOST_DEVICE inline int six_bit_scale(const uint8_t* packed, int i) {
  const int sub = i / 2, minimum = i % 2;
  if (sub < 4) return packed[sub + 4 * minimum] & 63;
  return (packed[sub + 4] >> 4 * minimum & 15) | packed[sub - 4 + 4 * minimum] >> 6 << 4;
}

// Of a block that begins with an f16 scale, an f16 minimum and the 12 bytes.
template <class Loads>
RAGDRAFT_HOST_DEVICE Scale scale_and_minimum(const uint8_t* block, int sub) {
  return {Loads::f16(block) * float(six_bit_scale(block + 4, 2 * sub)), Loads::f16(block + 2) * float(six_bit_scale(block + 4, 2 * sub + 1))};
}

}  // namespace ragdraft::formats
