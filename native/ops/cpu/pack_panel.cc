// From the blocks of a GGUF row to the planes of a panel. Two steps: a row becomes unsigned bytes u and its scales' bits, then
// the bytes are cut into planes, four at a time in 32-bit words (little-endian, as the file).
#include <cstring>
#include <type_traits>
#include <vector>

#include "ops/cpu/packed_matrix.h"

namespace ragdraft::ops {
namespace {

// Destinations of one output's scales: element i of a plane lies at [i][16 outputs].
struct ScalePlanes {
  uint8_t *supers, *scales;
  int output;  // 0..15 in its panel

  void put_half(uint8_t* plane, int64_t i, const uint8_t* half) const { std::memcpy(plane + (i * kPanelOutputs + output) * 2, half, 2); }
  void put_byte(uint8_t* plane, int64_t i, int value) const { plane[i * kPanelOutputs + output] = uint8_t(value); }
};

template <class Format>
void unpack_row(const uint8_t* block, int64_t columns, const ScalePlanes& planes, uint8_t* u) {
  constexpr int64_t kHalfCount = std::size(Format::kHalves);
  for (int64_t index = 0; index < columns / Format::kBlockElements; ++index, block += Format::kBlockBytes) {
    if constexpr (Format::kBlockElements == kGroupInputs) {
      planes.put_half(planes.scales, index, block + Format::kHalves[0]);
    } else {
      for (int64_t i = 0; i < kHalfCount; ++i) planes.put_half(planes.supers, index * kHalfCount + i, block + Format::kHalves[i]);
      for (int i = 0; i < 16; ++i) planes.put_byte(planes.scales, index * 16 + i, Format::scale_byte(block, i));
    }
    for (int group = 0; group < Format::kBlockElements / kGroupInputs; ++group, u += kGroupInputs)
      for (int i = 0; i < kGroupInputs; ++i) u[i] = uint8_t(Format::quant(block, group, i));
  }
}

uint32_t load_word(const uint8_t* p) {
  uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}
void store_word(uint8_t* p, uint32_t word) { std::memcpy(p, &word, sizeof word); }

// Cuts one output's bytes, of kBits each, into its column of the planes.
template <int kBits>
void put_planes(const uint8_t* u, int64_t columns, int output, uint8_t* high, uint8_t* low) {
  constexpr uint32_t kNibble = 0x0f0f0f0f, kBit = 0x01010101, kPair = 0x03030303;
  const auto word_at = [output](uint8_t* plane, int64_t vector) { return plane + vector * 64 + output * 4; };
  for (int64_t eight = 0; eight < columns / 8; ++eight) {
    const uint32_t first = load_word(u + 8 * eight), second = load_word(u + 8 * eight + 4);
    store_word(word_at(low, eight), (first & kNibble) | (second & kNibble) << 4);
    if (kBits == 8) store_word(word_at(high, eight), (first >> 4 & kNibble) | (second & ~kNibble));
  }
  if (kBits == 5) {
    for (int64_t group = 0; group < columns / 32; ++group) {
      uint32_t bits = 0;
      for (int i = 0; i < 8; ++i) bits |= (load_word(u + 32 * group + 4 * i) >> 4 & kBit) << i;
      store_word(word_at(high, group), bits);
    }
  } else if (kBits == 6) {
    for (int64_t half = 0; half < columns / 16; ++half) {
      uint32_t bits = 0;
      for (int i = 0; i < 4; ++i) bits |= (load_word(u + 16 * half + 4 * i) >> 4 & kPair) << 2 * i;
      store_word(word_at(high, half), bits);
    }
  }
}

// Elements of kSize bytes to values[column][16 outputs].
template <size_t kSize>
void put_elements(const uint8_t* row, int64_t columns, int output, uint8_t* values) {
  for (int64_t k = 0; k < columns; ++k) std::memcpy(values + (k * kPanelOutputs + output) * kSize, row + k * kSize, kSize);
}

template <class Format>
void put_floats(const uint8_t* row, int64_t columns, int output, uint8_t* values) {
  if constexpr (std::is_same_v<Format, formats::BF16>) {  // pairs; an odd column is the first of one whose second stays 0
    put_elements<4>(row, columns / 2, output, values);
    if (columns % 2 != 0) std::memcpy(values + (columns / 2 * kPanelOutputs + output) * 4, row + (columns - 1) * 2, 2);
  } else {
    put_elements<Format::kBlockBytes>(row, columns, output, values);
  }
}

}  // namespace

void pack_panel(const formats::MatrixView& source, const PackedWeights& layout, int64_t index, uint8_t* data) {
  uint8_t *const panel = data + size_t(index) * layout.panel_step, *const low = data + layout.low + size_t(index) * layout.low_step;
  const int64_t columns = source.columns, left = source.rows - index * kPanelOutputs;
  const size_t row_bytes = formats::row_bytes(source.type, columns);
  formats::visit(source.type, [&](auto format) {
    using As = typename decltype(format)::ComputedAs;
    constexpr bool kRecoded = !std::is_same_v<As, decltype(format)>;
    std::vector<std::byte> recoded(kRecoded ? formats::row_bytes(formats::DType(As::kId), columns) : 0);
    std::vector<uint8_t> u(As::kQuantBits > 0 ? size_t(columns) : 0);
    for (int output = 0; output < kPanelOutputs && output < left; ++output) {
      const std::byte* from = source.data + size_t(index * kPanelOutputs + output) * row_bytes;
      if (kRecoded) formats::recode_row(source.type, from, columns, recoded.data());
      const auto* row = reinterpret_cast<const uint8_t*>(kRecoded ? recoded.data() : from);
      if constexpr (As::kQuantBits == 0) {
        put_floats<As>(row, columns, output, low);
      } else {
        unpack_row<As>(row, columns, {panel + layout.supers, panel + layout.scales, output}, u.data());
        put_planes<As::kQuantBits>(u.data(), columns, output, panel + layout.high, low);
      }
    }
  });
}

}  // namespace ragdraft::ops
