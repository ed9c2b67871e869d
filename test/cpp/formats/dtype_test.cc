// Each element type three ways: blocks worked out by hand, the values of another implementation, and properties.
#include "formats/dtype.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tap.h"

using namespace ragdraft::formats;

namespace {

using Bytes = std::vector<std::byte>;

constexpr DType kTypes[] = {
#define RAGDRAFT_X(name) DType::k##name,
    RAGDRAFT_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X
};

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(std::byte(value));
  return bytes;
}

void append(Bytes& bytes, size_t count, int value) { bytes.insert(bytes.end(), count, std::byte(value)); }

std::vector<float> decode(DType type, const Bytes& row) {
  const int64_t columns = int64_t(row.size()) / info(type).block_bytes * info(type).block_elements;
  std::vector<float> out(size_t(columns), std::numeric_limits<float>::quiet_NaN());
  dequantize_row(type, row.data(), columns, out.data());
  return out;
}

// Places of the f16 numbers in a block.
std::vector<size_t> scale_offsets(DType type) {
  return visit(type, [](auto format) -> std::vector<size_t> {
    using Format = decltype(format);
    if constexpr (Format::kQuantBits > 0) return {std::begin(Format::kHalves), std::end(Format::kHalves)};
    else if constexpr (Format::kId == F16::kId) return {0};
    else return {};
  });
}

// Bytes of a fixed generator; the high exponent bit of every float and scale is cleared, so that all values are finite.
Bytes random_row(DType type, int blocks) {
  const size_t block_bytes = size_t(info(type).block_bytes);
  Bytes row;
  uint32_t state = 1;
  for (size_t i = 0; i < block_bytes * size_t(blocks); i++) {
    state = state * 1664525u + 1013904223u;
    row.push_back(std::byte(state >> 24));
  }
  for (size_t block = 0; block < row.size(); block += block_bytes) {
    for (const size_t at : scale_offsets(type)) row[block + at + 1] &= std::byte(0xbf);
    if (type == DType::kF32 || type == DType::kBF16) row[block + block_bytes - 1] &= std::byte(0xbf);
  }
  return row;
}

uint64_t fnv1a(const std::vector<float>& values) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const float value : values) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ ((bits >> shift) & 255)) * 0x100000001b3;
  }
  return hash;
}

std::string name_of(DType type) { return std::string(info(type).name); }

}  // namespace

TEST("the types of the list are supported, and no others") {
  size_t supported = 0;
  for (uint32_t id = 0; id < 1000; id++) supported += is_supported(id);
  CHECK(supported == std::size(kTypes));
  for (const DType type : kTypes) CHECK_MSG(is_supported(uint32_t(type)), name_of(type));
  CHECK(!is_supported(std::numeric_limits<uint32_t>::max()));
}

TEST("block geometry is that of the format") {
  const struct {
    DType type;
    const char* name;
    int elements, bytes;
  } rows[] = {{DType::kF32, "F32", 1, 4},       {DType::kF16, "F16", 1, 2},      {DType::kBF16, "BF16", 1, 2},
              {DType::kQ8_0, "Q8_0", 32, 34},   {DType::kQ4_0, "Q4_0", 32, 18},  {DType::kQ5_0, "Q5_0", 32, 22},  {DType::kQ4_K, "Q4_K", 256, 144},
              {DType::kQ5_K, "Q5_K", 256, 176}, {DType::kQ6_K, "Q6_K", 256, 210}};
  for (const auto& row : rows) {
    CHECK_MSG(info(row.type).name == row.name, row.name);
    CHECK_MSG(info(row.type).block_elements == row.elements, row.name);
    CHECK_MSG(info(row.type).block_bytes == row.bytes, row.name);
    CHECK_MSG(row_bytes(row.type, 4096) == size_t(4096 / row.elements * row.bytes), row.name);
    CHECK_MSG(row_bytes(row.type, 0) == 0, row.name);
  }
  CHECK(row_bytes(DType::kF32, int64_t{1} << 40) == size_t{1} << 42);
}

TEST("F32, F16 and BF16 keep special values") {
  const auto f32 = decode(DType::kF32, bytes_of({0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xff, 1, 0, 0, 0}));
  CHECK(f32[0] == 1.0f && f32[1] == -INFINITY && f32[2] == std::numeric_limits<float>::denorm_min());
  const auto f16 = decode(DType::kF16, bytes_of({0x00, 0xc0, 0x01, 0x00, 0xff, 0x03, 0xff, 0x7b, 0x00, 0xfc, 0x00, 0x7e, 0x00, 0x80}));
  CHECK(f16[0] == -2.0f && f16[1] == 0x1p-24f && f16[2] == 1023 * 0x1p-24f && f16[3] == 65504.0f && f16[4] == -INFINITY);
  CHECK(std::isnan(f16[5]) && f16[6] == 0.0f && std::signbit(f16[6]));
  const auto bf16 = decode(DType::kBF16, bytes_of({0x80, 0x3f, 0x49, 0xc0, 0x80, 0x7f}));
  CHECK(bf16[0] == 1.0f && bf16[1] == -3.140625f && bf16[2] == INFINITY);
}

TEST("Q8_0: scale times signed byte") {
  Bytes block = bytes_of({0x00, 0x38});  // 0.5
  for (int i = 0; i < 32; i++) block.push_back(std::byte(i == 0 ? -128 : i == 31 ? 127 : i - 16));
  const auto out = decode(DType::kQ8_0, block);
  CHECK(out[0] == -64.0f && out[31] == 63.5f);
  for (int i = 1; i < 31; i++) CHECK(out[size_t(i)] == 0.5f * float(i - 16));
}

TEST("Q4_0: low nibbles first, then high ones, offset 8") {
  Bytes block = bytes_of({0x00, 0x40});  // 2
  for (int i = 0; i < 16; i++) block.push_back(std::byte(i | (15 - i) << 4));
  const auto out = decode(DType::kQ4_0, block);
  for (int i = 0; i < 16; i++) {
    CHECK(out[size_t(i)] == 2.0f * float(i - 8));
    CHECK(out[size_t(i) + 16] == 2.0f * float(7 - i));
  }
}

// d = 1, dmin = 0.5; sub-block scales 1 2 3 4 31 0 1 51 and minima 5 6 7 8 34 1 0 10.
const std::initializer_list<int> kScalesAndMinima = {0x00, 0x3c, 0x00, 0x38, 0x41, 0x02, 0x03, 0xc4,
                                                     0x85, 0x06, 0x07, 0x08, 0x2f, 0x10, 0x01, 0xa3};

TEST("Q4_K: six-bit scales and minima, two sub-blocks in 32 bytes") {
  Bytes block = bytes_of(kScalesAndMinima);
  append(block, 128, 0x21);  // even sub-blocks 1, odd ones 2
  const auto out = decode(DType::kQ4_K, block);
  const float expected[8] = {1 - 2.5f, 4 - 3.0f, 3 - 3.5f, 8 - 4.0f, 31 - 17.0f, 0 - 0.5f, 1 - 0.0f, 102 - 5.0f};
  for (size_t i = 0; i < 256; i++) CHECK_MSG(out[i] == expected[i / 32], std::to_string(i));
}

TEST("Q4_K: element i of a sub-block is byte i of its 32 bytes") {
  Bytes block = bytes_of(kScalesAndMinima);
  for (int i = 0; i < 128; i++) block.push_back(std::byte(i % 16 | (i / 16 + 3) % 16 << 4));
  const auto out = decode(DType::kQ4_K, block);
  for (int i = 0; i < 32; i++) {
    CHECK(out[size_t(i)] == float(i % 16) - 2.5f);                    // sub-block 0: low nibbles of bytes 0..31
    CHECK(out[size_t(224 + i)] == 51.0f * float(i / 16 + 9) - 5.0f);  // sub-block 7: high nibbles of bytes 96..127
  }
}

TEST("Q5_K: the fifth bit of sub-block s is bit s") {
  Bytes block = bytes_of(kScalesAndMinima);
  append(block, 31, 0x81);  // sub-blocks 0 and 7
  append(block, 1, 0x02);   // element 31: sub-block 1 only
  append(block, 128, 0x21);
  const auto out = decode(DType::kQ5_K, block);
  const float plain[8] = {-1.5f, 1.0f, -0.5f, 4.0f, 14.0f, -0.5f, 1.0f, 97.0f};
  for (size_t i = 0; i < 256; i++) {
    const size_t sub = i / 32, element = i % 32;
    float expected = plain[sub];
    if (element < 31 && sub == 0) expected = 17.0f - 2.5f;
    if (element < 31 && sub == 7) expected = 18.0f * 51.0f - 5.0f;
    if (element == 31 && sub == 1) expected = 18.0f * 2.0f - 3.0f;
    CHECK_MSG(out[i] == expected, std::to_string(i));
  }
}

TEST("Q6_K: nibbles, bit pairs and signed scales") {
  Bytes block;
  append(block, 128, 0x5a);  // low nibble 10, high nibble 5
  append(block, 64, 0xe4);   // upper bits of runs 0..3: 0 1 2 3
  for (int i = 0; i < 16; i++) block.push_back(std::byte(i - 8));
  for (const int byte : {0x00, 0x34}) block.push_back(std::byte(byte));  // 0.25
  const auto out = decode(DType::kQ6_K, block);
  const float quants[4] = {10 - 32, 26 - 32, 37 - 32, 53 - 32};
  for (size_t i = 0; i < 256; i++) CHECK_MSG(out[i] == 0.25f * (float(i / 16) - 8) * quants[i / 32 % 4], std::to_string(i));
}

TEST("Q5_0: bit i of the four bytes is the fifth bit of element i, offset 16") {
  Bytes block = bytes_of({0x00, 0x40, 0x01, 0x80, 0x00, 0x80});  // 2; elements 0, 15 and 31
  for (int i = 0; i < 16; i++) block.push_back(std::byte(i | (15 - i) << 4));
  const auto out = decode(DType::kQ5_0, block);
  for (int i = 0; i < 32; i++) {
    const int low = i < 16 ? i : 31 - i, fifth = i == 0 || i == 15 || i == 31 ? 16 : 0;
    CHECK_MSG(out[size_t(i)] == 2.0f * float((low | fifth) - 16), std::to_string(i));
  }
}

TEST("a type that is computed as another one keeps every value, bit for bit") {
  for (const DType type : kTypes) {
    const DType as = computed_as(type);
    CHECK_MSG(computed_as(as) == as, name_of(type));
    for (int scale = 0; scale < 0x10000; scale += as == type ? 0x1000 : 1) {
      Bytes row = random_row(type, 1);
      for (const size_t at : scale_offsets(type)) row[at] = std::byte(scale & 255), row[at + 1] = std::byte(scale >> 8);
      const int64_t columns = info(type).block_elements;
      Bytes recoded(row_bytes(as, columns));
      recode_row(type, row.data(), columns, recoded.data());
      const auto stored = decode(type, row), computed = decode(as, recoded);
      bool same = true;
      for (size_t i = 0; i < stored.size(); i++) {
        const bool number = !std::isnan(stored[i]);
        same = same && (number ? std::bit_cast<uint32_t>(stored[i]) == std::bit_cast<uint32_t>(computed[i]) : std::isnan(computed[i]));
      }
      CHECK_MSG(same, name_of(type) + " with a scale of " + std::to_string(scale));
    }
  }
}

TEST("every type decodes bit for bit as the reference implementation does") {
  // FNV-1a of the float bits that `gguf.quants.dequantize` of the Python package gguf 0.19.0 gives for the same bytes.
  const struct {
    DType type;
    int blocks;
    uint64_t hash;
  } rows[] = {
      {DType::kF32, 256, 0xf9a25e8942cb8908}, {DType::kF16, 256, 0xf34de1a52e5a2edc}, {DType::kBF16, 256, 0x20898e47f5f2e3de},
      {DType::kQ8_0, 4, 0x69849883b611a7f6},  {DType::kQ4_0, 4, 0x965f9d75728b48c1},  {DType::kQ4_K, 4, 0xabd6390a8f83406d},
      {DType::kQ5_0, 4, 0xcb74d99332892d19},  {DType::kQ5_K, 4, 0x1523fb49d7dd75b1},  {DType::kQ6_K, 4, 0xc7ef6d8f451cda43},
  };
  for (const auto& row : rows) CHECK_MSG(fnv1a(decode(row.type, random_row(row.type, row.blocks))) == row.hash, name_of(row.type));
}

TEST("a row is its blocks, one after the other, at any address") {
  for (const DType type : kTypes) {
    const Bytes row = random_row(type, 5);
    const auto whole = decode(type, row);
    const size_t block_bytes = size_t(info(type).block_bytes), elements = size_t(info(type).block_elements);
    for (size_t block = 0; block < 5; block++) {
      const Bytes alone(row.begin() + ptrdiff_t(block * block_bytes), row.begin() + ptrdiff_t((block + 1) * block_bytes));
      const auto values = decode(type, alone);
      CHECK_MSG(std::memcmp(values.data(), whole.data() + block * elements, elements * sizeof(float)) == 0, name_of(type));
    }
    Bytes shifted(row.size() + 1);
    std::memcpy(shifted.data() + 1, row.data(), row.size());
    std::vector<float> unaligned(whole.size());
    dequantize_row(type, shifted.data() + 1, int64_t(whole.size()), unaligned.data());
    CHECK_MSG(std::memcmp(unaligned.data(), whole.data(), whole.size() * sizeof(float)) == 0, name_of(type));
  }
}

TEST("twice the scales is twice the values, and no scale is zero") {
  for (const DType type : kTypes) {
    if (info(type).block_elements == 1) continue;
    Bytes row = random_row(type, 1);
    // 0.375 and 0.75: the quants have at most 14 bits, so that doubling is exact.
    for (const size_t at : scale_offsets(type)) row[at] = std::byte(0), row[at + 1] = std::byte(0x36);
    const auto once = decode(type, row);
    for (const size_t at : scale_offsets(type)) row[at + 1] = std::byte(0x3a);
    const auto twice = decode(type, row);
    for (const size_t at : scale_offsets(type)) row[at + 1] = std::byte(0);
    const auto none = decode(type, row);
    for (size_t i = 0; i < once.size(); i++) CHECK_MSG(twice[i] == 2 * once[i] && none[i] == 0, name_of(type));
  }
}
