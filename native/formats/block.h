// What the formats' headers share. A format is a struct, one header each, named in all.h:
//   kId, kName, kBlockElements, kBlockBytes   of GGUF; a row is a whole number of blocks, at any address
//   ComputedAs                                the format that backends compute with: itself, or one whose blocks hold the same values
//   recode(block, out)                        where that is another one: its blocks for one block of this format
// and of floats, whose block is one element,
//   value<Loads>(block)
// or of quantised blocks, whose elements are step * (quant - kZero) - low,
//   kQuantBits, kZero                         quants are unsigned, below 2^kQuantBits
//   quant(block, group, i)                    of element 32 * group + i
//   scale<Loads>(block, i)                    of elements 16 i .. 16 i + 15
//   kHalves                                   where the block has its f16 numbers
//   scale_byte(block, i)                      blocks of 256: the i-th of 16 bytes that their f16 numbers multiply
// Rounding order matters: the block's scale times the sub-block's first, then times the quant, then minus: as other readers of GGUF do.
// Host and kernels read blocks by the same code; they differ in how they load a number (Loads).
#pragma once
#include <cstdint>
#include <cstring>

#include "base/half.h"
#include "base/host_device.h"

namespace ragdraft::formats {

struct Scale {
  float step, low;
};

// Little-endian numbers at any address.
inline uint16_t load_u16(const uint8_t* p) { return uint16_t(p[0] | p[1] << 8); }
struct HostLoads {
  static float f32(const uint8_t* p) {
    float value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  static float f16(const uint8_t* p) { return f16_to_f32(load_u16(p)); }
  static float bf16(const uint8_t* p) { return bf16_to_f32(load_u16(p)); }
};

// Element i of a block.
template <class Format, class Loads>
RAGDRAFT_HOST_DEVICE float element(const uint8_t* block, int i) {
  if constexpr (Format::kQuantBits == 0) {
    return Format::template value<Loads>(block);
  } else {
    const Scale scale = Format::template scale<Loads>(block, i / 16);
    return scale.step * float(Format::quant(block, i / 32, i % 32) - Format::kZero) - scale.low;
  }
}

}  // namespace ragdraft::formats
