// How weight matrices lie in memory for the CPU kernels. Plain structs: read by every instruction set's object files.
//
// Panels of 16 outputs follow each other; the last one is padded with outputs of value 0. Within a panel the inputs k ascend.
// The `low` planes of Q8_0 stand apart, after all panels: a draft that reads the rest alone walks through memory without gaps, which
// the hardware's prefetchers would fill (a draft step of a 1B model takes 27 % less than with the planes together).
//   F32, F16: values[k][16 outputs] in the stored type.
//   BF16: pairs[k / 2][16 outputs][2], the operands of dot products of bf16 pairs; k is rounded up to a multiple of 32, a tile, by zeros.
//   Integer formats: value = scale * (u - zero) - min, u unsigned, in planes of bits, each 64-byte aligned and contiguous over
//   the whole panel. A 64-byte vector of a plane is [16 outputs][4 bytes], the operand shape of a 4-way byte dot product:
//     low    one vector per 8 inputs:  byte j holds bits 0-3 of u for input j (its low nibble) and input 4 + j (its high one)
//     high   Q8_0: bits 4-7 as `low` (readable alone as a 4-bit weight); Q5_K: one vector per 32 inputs, bit i of byte j is
//            bit 4 of input 4 i + j; Q6_K: one vector per 16 inputs, bits 2i, 2i + 1 of byte j are bits 4, 5 of input 4 i + j
//     scales per group of 32 inputs [16] f16 (Q8_0, Q4_0); [16] u8 scales, [16] u8 mins (Q4_K, Q5_K); two groups of
//            16 inputs, [16] s8 each (Q6_K)
//     supers per 256 inputs [16] f16 factors of the scales, then (Q4_K, Q5_K) [16] f16 factors of the mins
//   Every number of the file is kept as it is and multiplied in f32 by the kernel: repacking loses nothing.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ragdraft::ops {

inline constexpr int kPanelOutputs = 16;
inline constexpr int kGroupInputs = 32;  // inputs that share an activation scale

// Version and format name the packed bytes that are kept on disk: raise the version when a format's bytes change.
inline constexpr int kPackedLayoutVersion = 3;

// The formats that kernels multiply, by their ids in GGUF (formats/all.h, which kernels do not include).
// kQ8_0High: a Q8_0 matrix read by its scales and `high` alone. A way to read one: no matrix is stored so.
enum class PackedFormat : uint8_t { kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ8_0 = 8, kQ4_K = 12, kQ5_K = 13, kQ6_K = 14, kBF16 = 30, kQ8_0High = 255 };

// Inputs of a BF16 panel.
inline constexpr int64_t padded_columns(int64_t columns) { return (columns + kGroupInputs - 1) / kGroupInputs * kGroupInputs; }

struct PackedWeights {
  PackedFormat format;
  int64_t rows, columns;   // outputs, inputs
  int64_t panels;          // ceil(rows / 16)
  size_t bytes;            // of all panels and planes
  size_t read_bytes;       // of a panel that a product reads
  size_t supers, scales, high, low;  // where panel 0 has them; float values lie at `low`, and nibbles that stand alone
  size_t panel_step, low_step;       // bytes from panel to panel, and from `low` plane to `low` plane; multiples of 64
  const uint8_t* data;     // 64-byte aligned
};

}  // namespace ragdraft::ops
