// Block layouts as the GGUF specification stores them, little-endian. Rounding order matters: other readers of the format
// multiply the block scale by the sub-block scale first, then by the quant, then subtract; so do we, and results are equal bits.
#include "formats/dtype.h"

#include <cstring>

#include "base/half.h"

namespace ragdraft::formats {
namespace {

constexpr int kSmallBlock = 32;   // elements of a Q4_0 / Q8_0 block
constexpr int kSuperBlock = 256;  // elements of a K-quant super-block

uint16_t load_u16(const std::byte* p) { return uint16_t(uint16_t(p[0]) | uint16_t(p[1]) << 8); }
float load_f16(const std::byte* p) { return f16_to_f32(load_u16(p)); }

void from_f32(const std::byte* row, int64_t columns, float* out) { std::memcpy(out, row, size_t(columns) * sizeof(float)); }

void from_f16(const std::byte* row, int64_t columns, float* out) {
  for (int64_t i = 0; i < columns; i++) out[i] = load_f16(row + 2 * i);
}

void from_bf16(const std::byte* row, int64_t columns, float* out) {
  for (int64_t i = 0; i < columns; i++) out[i] = bf16_to_f32(load_u16(row + 2 * i));
}

// f16 scale, 32 signed bytes.
void block_q8_0(const std::byte* block, float* out) {
  const float scale = load_f16(block);
  for (int i = 0; i < kSmallBlock; i++) out[i] = scale * float(int8_t(block[2 + i]));
}

// f16 scale, 16 bytes: the low nibbles are elements 0..15, the high ones 16..31; stored with an offset of 8.
void block_q4_0(const std::byte* block, float* out) {
  const float scale = load_f16(block);
  for (int i = 0; i < kSmallBlock / 2; i++) {
    const int pair = int(block[2 + i]);
    out[i] = scale * float((pair & 15) - 8);
    out[i + kSmallBlock / 2] = scale * float((pair >> 4) - 8);
  }
}

// f16 scale, 4 bytes of fifth bits (bit i for element i), 16 bytes of nibbles as Q4_0; stored with an offset of 16.
int quant_q5_0(const std::byte* block, int i) {
  const int low = (int(block[6 + i % 16]) >> (i / 16 * 4)) & 15, fifth = (int(block[2 + i / 8]) >> (i % 8)) & 1;
  return (low | fifth << 4) - 16;
}

void block_q5_0(const std::byte* block, float* out) {
  const float scale = load_f16(block);
  for (int i = 0; i < kSmallBlock; i++) out[i] = scale * float(quant_q5_0(block, i));
}

// Eight times the quant with an eighth of the scale: so the upper four bits of Q8_0, which drafts read alone, are those of the quant. A
// scale whose eighth is no f16 (below 2^-11) stays, and so does the quant.
void recode_q5_0(const std::byte* block, std::byte* out) {
  const uint16_t scale = load_u16(block);
  const uint16_t eighth = f32_to_f16(f16_to_f32(scale) / 8);
  const bool exact = f16_to_f32(eighth) * 8 == f16_to_f32(scale);
  const uint16_t kept = exact ? eighth : scale;
  out[0] = std::byte(kept & 255);
  out[1] = std::byte(kept >> 8);
  for (int i = 0; i < kSmallBlock; i++) out[2 + i] = std::byte(quant_q5_0(block, i) * (exact ? 8 : 1));
}

// Q4_K and Q5_K pack eight 6-bit scales and eight 6-bit minima into 12 bytes. Sub-blocks 0..3: the low six bits of bytes
// 0..3 (scale) and 4..7 (minimum). Sub-blocks 4..7: low four bits in byte 8 + (s - 4) (scale: low nibble, minimum: high
// nibble), their top two bits in the top bits of bytes s - 4 and s.
struct ScaleMin {
  float scale, minimum;
};
ScaleMin unpack_scale_min(const std::byte* packed, int sub) {
  const auto at = [packed](int i) { return int(packed[i]); };
  if (sub < 4) return {float(at(sub) & 63), float(at(sub + 4) & 63)};
  const int scale = (at(sub + 4) & 15) | (at(sub - 4) >> 6) << 4;
  const int minimum = (at(sub + 4) >> 4) | (at(sub) >> 6) << 4;
  return {float(scale), float(minimum)};
}

// f16 scale, f16 minimum, 12 bytes of sub-block scales, 128 bytes of nibbles. Each 32 bytes hold two sub-blocks of 32: the
// low nibbles, then the high ones. value = (scale * sub scale) * q - (minimum * sub minimum)
void block_q4_k(const std::byte* block, float* out) {
  const float scale = load_f16(block), minimum = load_f16(block + 2);
  const std::byte *packed = block + 4, *nibbles = block + 16;
  for (int sub = 0; sub < 8; sub++) {
    const ScaleMin part = unpack_scale_min(packed, sub);
    const float step = scale * part.scale, low = minimum * part.minimum;
    const std::byte* bytes = nibbles + sub / 2 * 32;
    const int shift = sub % 2 * 4;
    for (int i = 0; i < 32; i++) *out++ = step * float((int(bytes[i]) >> shift) & 15) - low;
  }
}

// As Q4_K, with 32 bytes before the nibbles whose bit `sub` is the fifth bit of element i of that sub-block.
void block_q5_k(const std::byte* block, float* out) {
  const float scale = load_f16(block), minimum = load_f16(block + 2);
  const std::byte *packed = block + 4, *fifth = block + 16, *nibbles = block + 48;
  for (int sub = 0; sub < 8; sub++) {
    const ScaleMin part = unpack_scale_min(packed, sub);
    const float step = scale * part.scale, low = minimum * part.minimum;
    const std::byte* bytes = nibbles + sub / 2 * 32;
    const int shift = sub % 2 * 4;
    for (int i = 0; i < 32; i++) {
      const int quant = ((int(bytes[i]) >> shift) & 15) | ((int(fifth[i]) >> sub) & 1) << 4;
      *out++ = step * float(quant) - low;
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed sub-block scales (16 elements each), f16 scale. Each half
// of 128 elements is four runs of 32: runs 0 and 1 take the low nibbles of 64 bytes, runs 2 and 3 the high ones; the upper
// bits of run r are bits 2r, 2r + 1 of 32 bytes. Stored with an offset of 32. value = (scale * sub scale) * q
void block_q6_k(const std::byte* block, float* out) {
  const float scale = load_f16(block + 208);
  for (int half = 0; half < 2; half++) {
    const std::byte *nibbles = block + 64 * half, *upper = block + 128 + 32 * half, *scales = block + 192 + 8 * half;
    for (int run = 0; run < 4; run++) {
      for (int i = 0; i < 32; i++) {
        const int low = (int(nibbles[run % 2 * 32 + i]) >> (run / 2 * 4)) & 15;
        const int high = (int(upper[i]) >> (2 * run)) & 3;
        const float step = scale * float(int8_t(scales[2 * run + i / 16]));
        *out++ = step * float((low | high << 4) - 32);
      }
    }
  }
}

template <void (*decode)(const std::byte*, float*)>
void from_blocks(const std::byte* row, int64_t columns, const DTypeInfo& geometry, float* out) {
  for (int64_t i = 0; i < columns; i += geometry.block_elements, row += geometry.block_bytes) decode(row, out + i);
}

}  // namespace

const DTypeInfo& info(DType type) noexcept {
  static constexpr DTypeInfo f32{"F32", 1, 4}, f16{"F16", 1, 2}, bf16{"BF16", 1, 2};
  static constexpr DTypeInfo q4_0{"Q4_0", kSmallBlock, 2 + 16}, q5_0{"Q5_0", kSmallBlock, 2 + 4 + 16}, q8_0{"Q8_0", kSmallBlock, 2 + 32};
  static constexpr DTypeInfo q4_k{"Q4_K", kSuperBlock, 4 + 12 + 128}, q5_k{"Q5_K", kSuperBlock, 4 + 12 + 32 + 128};
  static constexpr DTypeInfo q6_k{"Q6_K", kSuperBlock, 128 + 64 + 16 + 2};
  switch (type) {
    case DType::kF32: return f32;
    case DType::kF16: return f16;
    case DType::kQ4_0: return q4_0;
    case DType::kQ5_0: return q5_0;
    case DType::kQ8_0: return q8_0;
    case DType::kQ4_K: return q4_k;
    case DType::kQ5_K: return q5_k;
    case DType::kQ6_K: return q6_k;
    case DType::kBF16: return bf16;
  }
  return f32;  // no other DType exists: is_supported() guards the border
}

bool is_supported(uint32_t gguf_type) noexcept {
  switch (DType(gguf_type)) {
    case DType::kF32:
    case DType::kF16:
    case DType::kQ4_0:
    case DType::kQ5_0:
    case DType::kQ8_0:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kBF16: return true;
  }
  return false;
}

size_t row_bytes(DType type, int64_t columns) noexcept {
  const DTypeInfo& geometry = info(type);
  return size_t(columns / geometry.block_elements) * size_t(geometry.block_bytes);
}

void dequantize_row(DType type, const std::byte* row, int64_t columns, float* out) noexcept {
  const DTypeInfo& geometry = info(type);
  switch (type) {
    case DType::kF32: return from_f32(row, columns, out);
    case DType::kF16: return from_f16(row, columns, out);
    case DType::kBF16: return from_bf16(row, columns, out);
    case DType::kQ4_0: return from_blocks<block_q4_0>(row, columns, geometry, out);
    case DType::kQ5_0: return from_blocks<block_q5_0>(row, columns, geometry, out);
    case DType::kQ8_0: return from_blocks<block_q8_0>(row, columns, geometry, out);
    case DType::kQ4_K: return from_blocks<block_q4_k>(row, columns, geometry, out);
    case DType::kQ5_K: return from_blocks<block_q5_k>(row, columns, geometry, out);
    case DType::kQ6_K: return from_blocks<block_q6_k>(row, columns, geometry, out);
  }
}

DType computed_as(DType type) noexcept { return type == DType::kQ5_0 ? DType::kQ8_0 : type; }

void recode_row(DType type, const std::byte* row, int64_t columns, std::byte* out) noexcept {
  if (type != DType::kQ5_0) {
    std::memcpy(out, row, row_bytes(type, columns));
    return;
  }
  for (int64_t i = 0; i < columns; i += kSmallBlock, row += info(DType::kQ5_0).block_bytes, out += info(DType::kQ8_0).block_bytes)
    recode_q5_0(row, out);
}

}  // namespace ragdraft::formats
