// Products of quantised weights: against f64 sums of the same numbers, and row against row.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/half.h"
#include "linear_fixture.h"
#include "tap.h"

using namespace ragdraft;
using ops::cuda::InputForm;
using ops::cuda::Product;
using testing::DeviceArray;
using testing::DType;
using testing::multiply;
using testing::PackedMatrix;
using testing::product_of;
using testing::RandomMatrix;
using testing::rows_of;
using testing::same_bits;

namespace {

constexpr int kGroup = 32;
constexpr DType kIntegers[] = {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};
std::string name_of(DType type) { return std::string(formats::info(type).name); }
// Groups of a row, in whole blocks: at least so many.
int64_t groups_of(DType type, int64_t groups) {
  const int64_t block = formats::info(type).block_elements / kGroup;
  return (groups + block - 1) / block * block;
}

// A group of a row by the format's definition: input i counts scale[i / 16] * quant[i] - minimum.
struct GroupNumbers {
  double scale[2], minimum;
  double quant[kGroup];
};
GroupNumbers group_numbers(const RandomMatrix& m, int64_t output, int64_t group) {
  const formats::DTypeInfo& info = formats::info(m.type);
  const int64_t first = group * kGroup, in_block = first % info.block_elements;
  const std::byte* row = m.bytes.data() + output * int64_t(formats::row_bytes(m.type, m.columns));
  const std::byte* block = row + first / info.block_elements * info.block_bytes;
  const auto byte = [&](int64_t i) { return int(block[i]); };
  const auto half = [&](int64_t i) { return double(f16_to_f32(uint16_t(byte(i) | byte(i + 1) << 8))); };
  const int sub = int(in_block / kGroup);
  GroupNumbers n{};
  if (m.type == DType::kQ8_0 || m.type == DType::kQ4_0) {
    n.scale[0] = n.scale[1] = half(0);
    for (int i = 0; i < kGroup; i++) {
      if (m.type == DType::kQ8_0) n.quant[i] = int8_t(byte(2 + i));
      else n.quant[i] = (i < 16 ? byte(2 + i) & 15 : byte(2 + i - 16) >> 4) - 8;
    }
  } else if (m.type == DType::kQ6_K) {
    for (int h = 0; h < 2; h++) n.scale[h] = half(208) * int8_t(byte(192 + 2 * sub + h));
    for (int i = 0; i < kGroup; i++) {
      const int nibbles = byte(sub / 4 * 64 + sub % 2 * 32 + i), low = sub % 4 < 2 ? nibbles & 15 : nibbles >> 4;
      n.quant[i] = low + 16 * (byte(128 + sub / 4 * 32 + i) >> 2 * (sub % 4) & 3) - 32;
    }
  } else {
    const int shared = byte(12 + sub % 4);  // by scale and minimum of sub-blocks 4 to 7
    const int scale = sub < 4 ? byte(4 + sub) % 64 : shared % 16 + byte(sub) / 64 * 16;
    const int minimum = sub < 4 ? byte(8 + sub) % 64 : shared / 16 + byte(4 + sub) / 64 * 16;
    n.scale[0] = n.scale[1] = half(0) * scale;
    n.minimum = half(2) * minimum;
    const bool five = m.type == DType::kQ5_K;
    for (int i = 0; i < kGroup; i++) {
      const int nibbles = byte((five ? 48 : 16) + sub / 2 * 32 + i);
      n.quant[i] = (sub % 2 == 0 ? nibbles % 16 : nibbles / 16) + (five ? 16 * (byte(16 + i) >> sub & 1) : 0);
    }
  }
  return n;
}

struct Exact {
  double sum, magnitude;  // magnitude: sum of the terms' absolute values: of a group's products, of its minimum; of 16 inputs each where they have a scale of their own
};
// Of an output and a row of x, made bytes by the law that inputs_test.cc checks.
Exact exact_product(const RandomMatrix& m, int64_t output, const float* x, bool draft) {
  const bool by_halves = m.type == DType::kQ6_K;
  Exact result{};
  for (int64_t group = 0; group < m.columns / kGroup; group++, x += kGroup) {
    const GroupNumbers n = group_numbers(m, output, group);
    float largest = 0;
    for (int k = 0; k < kGroup; k++) largest = std::max(largest, std::fabs(x[k]));
    double dot[2] = {}, sum = 0;
    for (int k = 0; k < kGroup; k++) {
      const double input = std::nearbyint(x[k] * (127.0f / largest));
      const double weight = draft && m.type == DType::kQ8_0 ? (int(n.quant[k]) + 128) / 16 * 16 - 120.5 : n.quant[k];
      dot[by_halves ? k / 16 : 0] += weight * input;
      sum += input;
    }
    const double input_scale = double(largest / 127.0f);
    for (const double term : {dot[0] * n.scale[0] * input_scale, dot[1] * n.scale[1] * input_scale, -n.minimum * sum * input_scale}) {
      result.sum += term;
      result.magnitude += std::fabs(term);
    }
  }
  return result;
}

}  // namespace

TEST("the numbers that products are compared with are those of the oracle") {
  for (const DType type : kIntegers) {
    const RandomMatrix m = testing::random_matrix(type, 3, 2 * 256, 20);
    int wrong = 0;
    for (int64_t o = 0; o < m.rows; o++) {
      const std::vector<float> weights = m.row(o);
      for (int64_t i = 0; i < m.columns; i++) {
        const GroupNumbers n = group_numbers(m, o, i / kGroup);
        wrong += weights[size_t(i)] != float(n.scale[i % kGroup / 16] * n.quant[i % kGroup] - n.minimum);
      }
    }
    CHECK_MSG(wrong == 0, name_of(type) + ": " + std::to_string(wrong));
  }
}

TEST("integer products agree with f64 sums of the same bytes, Q8_0 also by its upper halves, in every order") {
  struct Shape {
    int64_t outputs, groups;
    int rows;
  };
  for (const DType type : kIntegers)
    for (const auto& [outputs, least_groups, rows] : {Shape{150, 9, 19}, {32, 2, 19}, {7, 1, 19}, {48, 36, 19}, {150, 17, 70}, {7, 1, 130}}) {
      const int64_t groups = groups_of(type, least_groups);
      const RandomMatrix m = testing::random_matrix(type, outputs, groups * kGroup, uint32_t(outputs));
      const std::vector<float> x = testing::random_floats(size_t(rows * m.columns), 1);
      // A product of scales and one fma a term, two roundings each, at most two terms a group; the sums of eight warps.
      const int64_t terms = formats::info(type).block_elements > kGroup ? 2 * groups : groups;
      const double tolerance = double(terms + 12) * std::ldexp(1.0, -24);
      testing::for_all_orders([&, outputs = outputs, rows = rows](const std::string& order) {
        const PackedMatrix packed(m);
        for (const bool draft : {false, true}) {
          if (draft && type != DType::kQ8_0) continue;
          const std::vector<float> y = product_of(packed, x, rows, draft);
          int wrong = 0;
          for (int r = 0; r < rows; r++)
            for (int64_t o = 0; o < outputs; o++) {
              const Exact expected = exact_product(m, o, x.data() + r * m.columns, draft);
              wrong += !(std::fabs(double(y[size_t(r * outputs + o)]) - expected.sum) <= tolerance * expected.magnitude);
            }
          CHECK_MSG(wrong == 0, name_of(type) + ' ' + order + (draft ? " draft " : " full ") + std::to_string(outputs) +
                                    " outputs, " + std::to_string(rows) + " rows: " + std::to_string(wrong));
        }
      });
    }
}

TEST("a row's bits do not depend on the rows beside it: 1 to 25, 40, 64, 65, 128 and 150 rows, in other places and alone") {
  constexpr int kRows = 150;
  for (const DType type : kIntegers) {
    const RandomMatrix m = testing::random_matrix(type, 70, groups_of(type, 23) * kGroup, 2);
    const std::vector<float> x = testing::random_floats(size_t(kRows * m.columns), 3);
    const PackedMatrix packed(m);
    std::vector<float> full;
    for (const bool draft : {false, true}) {
      const std::vector<float> all = product_of(packed, x, kRows, draft);
      if (!draft) full = all;
      else CHECK(same_bits(all.data(), full.data(), full.size()) == (type != DType::kQ8_0));  // others are read in full
      if (draft && type != DType::kQ8_0) continue;
      std::vector<int> counts = {40, 64, 65, 128};
      for (int rows = 1; rows <= 25; rows++) counts.push_back(rows);
      for (const int rows : counts)
        CHECK_MSG(same_bits(product_of(packed, x, rows, draft).data(), all.data(), size_t(rows * m.rows)), name_of(type) + std::to_string(rows));
      for (const auto& chosen : {std::vector<int>{149}, {140, 3, 77}, {8, 0, 149, 9, 130, 131, 132, 133, 134, 17, 5}}) {
        const std::vector<float> y = product_of(packed, rows_of(x, m.columns, chosen), int(chosen.size()), draft);
        for (size_t i = 0; i < chosen.size(); i++)
          CHECK_MSG(same_bits(y.data() + int64_t(i) * m.rows, all.data() + chosen[i] * m.rows, size_t(m.rows)),
                    name_of(type) + std::to_string(chosen[i]));
      }
    }
  }
}

TEST("a row's bits do not depend on the outputs beside it: blocks of 16 and of 32 outputs") {
  constexpr int64_t kMany = 8200, kFew = 40;  // many take blocks of 32
  for (const DType type : kIntegers) {
    const RandomMatrix many = testing::random_matrix(type, kMany, groups_of(type, 3) * kGroup, 30);
    RandomMatrix few = many;
    few.rows = kFew;
    few.bytes.resize(size_t(kFew) * formats::row_bytes(type, few.columns));
    const std::vector<float> x = testing::random_floats(size_t(17 * many.columns), 31);
    const PackedMatrix packed_many(many), packed_few(few);
    for (const int rows : {1, 9, 17})  // one, two and three tiles
      for (const bool draft : {false, true}) {
        if (draft && type != DType::kQ8_0) continue;
        const std::vector<float> of_many = product_of(packed_many, x, rows, draft), of_few = product_of(packed_few, x, rows, draft);
        for (int r = 0; r < rows; r++)
          CHECK_MSG(same_bits(of_many.data() + r * kMany, of_few.data() + r * kFew, size_t(kFew)), name_of(type) + std::to_string(rows));
      }
  }
}

TEST("products of one launch are those of their own, of one type or of several; bias is added, then what accumulates") {
  constexpr int64_t kColumns = 256;
  for (const int rows : {5, 70})
    for (const auto& [of_first, of_second, of_third] :
         {std::array{DType::kQ8_0, DType::kQ8_0, DType::kQ8_0},
          {DType::kQ4_K, DType::kQ4_K, DType::kQ6_K},
          {DType::kQ5_K, DType::kQ4_0, DType::kQ5_K}}) {
      const std::vector<float> x = testing::random_floats(size_t(rows * kColumns), 4), bias = testing::random_floats(33, 5);
      const std::vector<float> before = testing::random_floats(size_t(rows * 33), 6);
      const DeviceArray<float> device_bias(bias);
      const PackedMatrix first(testing::random_matrix(of_first, 100, kColumns, 100));
      const PackedMatrix second(testing::random_matrix(of_second, 33, kColumns, 33));
      const PackedMatrix third(testing::random_matrix(of_third, 1, kColumns, 1));
      const std::vector<float> alone = product_of(first, x, rows), last = product_of(third, x, rows);
      std::vector<float> expected = product_of(second, x, rows);
      for (size_t i = 0; i < expected.size(); i++) expected[i] = before[i] + (expected[i] + bias[i % 33]);
      testing::for_all_orders([&, rows = rows](const std::string& order) {
        gpu::Stream stream;
        const DeviceArray<float> y1(alone.size()), y2(before), y3(last.size());
        const std::vector<Product> products = {{first.weights, nullptr, y1.get(), false},
                                               {second.weights, device_bias.get(), y2.get(), true},
                                               {third.weights, nullptr, y3.get(), false}};
        multiply(stream, products, x.data(), rows, false);
        CHECK_MSG(same_bits(y1.read(stream).data(), alone.data(), alone.size()), order);
        CHECK_MSG(same_bits(y2.read(stream).data(), expected.data(), expected.size()), order);
        CHECK_MSG(same_bits(y3.read(stream).data(), last.data(), last.size()), order);
      });
    }
}

TEST("an input that is not finite shows in every output of its row, and in no other row") {
  constexpr int kRows = 3;
  for (const DType type : kIntegers) {
    const RandomMatrix m = testing::random_matrix(type, 40, groups_of(type, 4) * kGroup, 7);
    const PackedMatrix packed(m);
    const std::vector<float> clean = testing::random_floats(size_t(kRows * m.columns), 8);
    std::vector<float> x = clean;
    x[size_t(m.columns + 50)] = std::numeric_limits<float>::infinity();
    const std::vector<float> got = product_of(packed, x, kRows), expected = product_of(packed, clean, kRows);
    for (size_t i = 0; i < got.size(); i++) CHECK(i / 40 == 1 ? std::isnan(got[i]) : got[i] == expected[i]);
  }
}

TEST("packed weights take the bytes of the file and at most 3 % more; a draft reads 18 of 34 of Q8_0, others in full") {
  for (const DType type : kIntegers) {
    const size_t file = formats::row_bytes(type, 4096) * 4096, packed = ops::cuda::packed_bytes(type, 4096, 4096);
    CHECK_MSG(packed >= file && packed <= file + file * 3 / 100, name_of(type));
    CHECK(ops::cuda::packed_draft_bytes(type, 4096, 4096) == (type == DType::kQ8_0 ? size_t{4096} * 4096 / 32 * 18 : packed));
    CHECK(ops::cuda::input_form(type) == InputForm::kBytes);
  }
  for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kQ6_K})
    CHECK(ops::cuda::packed_bytes(type, 4096, 4096) == formats::row_bytes(type, 4096) * 4096);
  CHECK_THROWS(kUnsupportedModel, ops::cuda::packed_bytes(DType(3), 256, 256));  // GGUF's Q4_1
}
