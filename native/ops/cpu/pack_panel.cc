// From the blocks of a GGUF row to the planes of a panel. Two steps: a row becomes unsigned bytes u and its scales' bits, then
// the bytes are cut into planes, four at a time in 32-bit words (little-endian, as the file).
#include <cstring>
#include <vector>

#include "ops/cpu/packed_matrix.h"

namespace ragdraft::ops {
namespace {

using formats::DType;

constexpr int kSuperBlock = 256;

// Destinations of one output's scales: element i of a plane lies at [i][16 outputs].
struct ScalePlanes {
  uint8_t *supers, *scales;
  int output;  // 0..15 in its panel

  void put_half(uint8_t* plane, int64_t i, const uint8_t* half) const { std::memcpy(plane + (i * kPanelOutputs + output) * 2, half, 2); }
  void put_byte(uint8_t* plane, int64_t i, uint8_t value) const { plane[i * kPanelOutputs + output] = value; }
};

// f16 scale, 32 signed bytes.
void unpack_q8_0(const uint8_t* block, int64_t columns, const ScalePlanes& planes, uint8_t* u) {
  for (int64_t group = 0; group < columns / 32; ++group, block += 34, u += 32) {
    planes.put_half(planes.scales, group, block);
    for (int i = 0; i < 32; ++i) u[i] = uint8_t(block[2 + i] ^ 0x80);  // q + 128
  }
}

// f16 scale, 16 bytes: low nibbles are elements 0..15, high ones 16..31.
void unpack_q4_0(const uint8_t* block, int64_t columns, const ScalePlanes& planes, uint8_t* u) {
  for (int64_t group = 0; group < columns / 32; ++group, block += 18, u += 32) {
    planes.put_half(planes.scales, group, block);
    for (int i = 0; i < 16; ++i) {
      u[i] = block[2 + i] & 15;
      u[16 + i] = block[2 + i] >> 4;
    }
  }
}

// Eight 6-bit scales and minimums in 12 bytes: 0..3 in the low six bits of bytes 0..3 and 4..7; 4..7 have their low four bits
// in the nibbles of bytes 8..11 and their top two in the top bits of bytes 0..7.
void put_six_bit_scales(const uint8_t* packed, int64_t super, const ScalePlanes& planes) {
  for (int sub = 0; sub < 8; ++sub) {
    const uint8_t scale = sub < 4 ? packed[sub] & 63 : (packed[sub + 4] & 15) | packed[sub - 4] >> 6 << 4;
    const uint8_t minimum = sub < 4 ? packed[sub + 4] & 63 : packed[sub + 4] >> 4 | packed[sub] >> 6 << 4;
    planes.put_byte(planes.scales, (super * 8 + sub) * 2, scale);
    planes.put_byte(planes.scales, (super * 8 + sub) * 2 + 1, minimum);
  }
}

// f16 scale, f16 minimum, 12 bytes of scales, (Q5_K: 32 bytes of fifth bits, bit `sub` of byte i for element i of sub-block
// `sub`), 128 bytes of nibbles: each 32 bytes hold two sub-blocks, low nibbles first.
template <bool kFifthBit>
void unpack_q45_k(const uint8_t* block, int64_t columns, const ScalePlanes& planes, uint8_t* u) {
  constexpr int kNibbles = kFifthBit ? 48 : 16, kBlockBytes = kNibbles + 128;
  for (int64_t super = 0; super < columns / kSuperBlock; ++super, block += kBlockBytes) {
    planes.put_half(planes.supers, 2 * super, block);
    planes.put_half(planes.supers, 2 * super + 1, block + 2);
    put_six_bit_scales(block + 4, super, planes);
    for (int sub = 0; sub < 8; ++sub, u += 32)
      for (int i = 0; i < 32; ++i) {
        const int low = block[kNibbles + sub / 2 * 32 + i] >> sub % 2 * 4 & 15;
        u[i] = uint8_t(kFifthBit ? low | (block[16 + i] >> sub & 1) << 4 : low);
      }
  }
}

// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed scales, f16 scale. Each half of 128 elements is four runs of
// 32: runs 0, 1 in the low nibbles of 64 bytes, runs 2, 3 in the high ones; run r has bits 2r, 2r + 1 of 32 bytes.
void unpack_q6_k(const uint8_t* block, int64_t columns, const ScalePlanes& planes, uint8_t* u) {
  for (int64_t super = 0; super < columns / kSuperBlock; ++super, block += 210) {
    planes.put_half(planes.supers, super, block + 208);
    for (int sub = 0; sub < 16; ++sub) planes.put_byte(planes.scales, super * 16 + sub, block[192 + sub]);
    for (int run = 0; run < 8; ++run, u += 32) {
      const int half = run / 4, part = run % 4;
      for (int i = 0; i < 32; ++i) {
        const int low = block[64 * half + part % 2 * 32 + i] >> part / 2 * 4 & 15;
        u[i] = uint8_t(low | (block[128 + 32 * half + i] >> 2 * part & 3) << 4);
      }
    }
  }
}

void unpack_row(DType type, const uint8_t* row, int64_t columns, const ScalePlanes& planes, uint8_t* u) {
  switch (type) {
    case DType::kQ8_0: return unpack_q8_0(row, columns, planes, u);
    case DType::kQ4_0: return unpack_q4_0(row, columns, planes, u);
    case DType::kQ4_K: return unpack_q45_k<false>(row, columns, planes, u);
    case DType::kQ5_K: return unpack_q45_k<true>(row, columns, planes, u);
    case DType::kQ6_K: return unpack_q6_k(row, columns, planes, u);
    case DType::kQ5_0:                // computed as Q8_0
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16: return;  // have no planes
  }
}

uint32_t load_word(const uint8_t* p) {
  uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}
void store_word(uint8_t* p, uint32_t word) { std::memcpy(p, &word, sizeof word); }

// Cuts one output's bytes into its column of the planes.
void put_planes(PackedFormat format, const uint8_t* u, int64_t columns, int output, uint8_t* high, uint8_t* low) {
  constexpr uint32_t kNibble = 0x0f0f0f0f, kBit = 0x01010101, kPair = 0x03030303;
  const auto word_at = [output](uint8_t* plane, int64_t vector) { return plane + vector * 64 + output * 4; };
  for (int64_t eight = 0; eight < columns / 8; ++eight) {
    const uint32_t first = load_word(u + 8 * eight), second = load_word(u + 8 * eight + 4);
    store_word(word_at(low, eight), (first & kNibble) | (second & kNibble) << 4);
    if (format == PackedFormat::kQ8_0) store_word(word_at(high, eight), (first >> 4 & kNibble) | (second & ~kNibble));
  }
  if (format == PackedFormat::kQ5_K) {
    for (int64_t group = 0; group < columns / 32; ++group) {
      uint32_t bits = 0;
      for (int i = 0; i < 8; ++i) bits |= (load_word(u + 32 * group + 4 * i) >> 4 & kBit) << i;
      store_word(word_at(high, group), bits);
    }
  } else if (format == PackedFormat::kQ6_K) {
    for (int64_t half = 0; half < columns / 16; ++half) {
      uint32_t bits = 0;
      for (int i = 0; i < 4; ++i) bits |= (load_word(u + 16 * half + 4 * i) >> 4 & kPair) << 2 * i;
      store_word(word_at(high, half), bits);
    }
  }
}

// Elements of kSize bytes to values[column][16 outputs].
template <size_t kSize>
void pack_elements(const uint8_t* rows, size_t row_bytes, int outputs, int64_t columns, uint8_t* values) {
  for (int output = 0; output < outputs; ++output) {
    const uint8_t* row = rows + output * row_bytes;
    for (int64_t k = 0; k < columns; ++k) std::memcpy(values + (k * kPanelOutputs + output) * kSize, row + k * kSize, kSize);
  }
}

// An odd column is the first of a pair whose second stays 0.
void pack_bf16(const uint8_t* rows, size_t row_bytes, int outputs, int64_t columns, uint8_t* pairs) {
  pack_elements<4>(rows, row_bytes, outputs, columns / 2, pairs);
  if (columns % 2 == 0) return;
  uint8_t* last = pairs + columns / 2 * kPanelOutputs * 4;
  for (int output = 0; output < outputs; ++output) std::memcpy(last + output * 4, rows + output * row_bytes + (columns - 1) * 2, 2);
}

}  // namespace

void pack_panel(const formats::MatrixView& source, const PackedWeights& layout, int64_t index, uint8_t* data) {
  uint8_t *const panel = data + size_t(index) * layout.panel_step, *const low = data + layout.low + size_t(index) * layout.low_step;
  const size_t row_bytes = formats::row_bytes(source.type, source.columns);
  const auto* rows = reinterpret_cast<const uint8_t*>(source.data) + size_t(index) * kPanelOutputs * row_bytes;
  const int64_t left = source.rows - index * kPanelOutputs;
  const int outputs = int(left < kPanelOutputs ? left : kPanelOutputs);
  if (layout.format == PackedFormat::kF32) return pack_elements<4>(rows, row_bytes, outputs, source.columns, low);
  if (layout.format == PackedFormat::kF16) return pack_elements<2>(rows, row_bytes, outputs, source.columns, low);
  if (layout.format == PackedFormat::kBF16) return pack_bf16(rows, row_bytes, outputs, source.columns, low);
  const DType type = formats::computed_as(source.type);
  std::vector<uint8_t> u(size_t(source.columns));
  std::vector<std::byte> recoded(type == source.type ? 0 : formats::row_bytes(type, source.columns));
  for (int output = 0; output < outputs; ++output) {
    const ScalePlanes planes{panel + layout.supers, panel + layout.scales, output};
    const uint8_t* row = rows + output * row_bytes;
    if (!recoded.empty()) {
      formats::recode_row(source.type, reinterpret_cast<const std::byte*>(row), source.columns, recoded.data());
      row = reinterpret_cast<const uint8_t*>(recoded.data());
    }
    unpack_row(type, row, source.columns, planes, u.data());
    put_planes(layout.format, u.data(), source.columns, output, panel + layout.high, low);
  }
}

}  // namespace ragdraft::ops
