#include "ops/cuda/kernels/linear/inputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/half.h"
#include "device_array.h"
#include "ops/ref/ref.h"
#include "random_matrix.h"
#include "tap.h"

using namespace ragdraft;
using ops::cuda::InputForm;
using ops::cuda::Inputs;
using ops::cuda::RowSource;
using testing::DeviceArray;

namespace {

// Inputs as the host sees them, after make_inputs().
struct HostInputs {
  InputForm form;
  int64_t columns, groups;
  std::vector<std::byte> bytes;
  size_t scales_at, sums_at;

  template <class T>
  T at(size_t array, size_t index) const {
    T value;
    std::memcpy(&value, bytes.data() + array + index * sizeof(T), sizeof value);
    return value;
  }
  size_t group_of(int row, int64_t i) const { return size_t(row / 8) * size_t(groups) + size_t(i / 32); }
  int quant(int row, int64_t i) const {
    const size_t k = size_t(i % 32), place = k % 16 / 4 * 8 + k / 16 * 4 + k % 4;
    return at<int8_t>(0, (group_of(row, i) * 8 + size_t(row % 8)) * 32 + place);
  }
  float scale(int row, int64_t i) const { return at<float>(scales_at, group_of(row, i) * 8 + size_t(row % 8)); }
  int sum(int row, int64_t i) const { return at<int32_t>(sums_at, (group_of(row, i) * 2 + size_t(i % 32 / 16)) * 8 + size_t(row % 8)); }
  uint16_t half(int row, int64_t i) const { return at<uint16_t>(0, (group_of(row, i) * 8 + size_t(row % 8)) * 32 + size_t(i % 32)); }
};

HostInputs make(const RowSource& source, InputForm form, int rows, int64_t columns) {
  const DeviceArray<std::byte> memory(ops::cuda::input_bytes(form, rows, columns));
  const Inputs inputs = ops::cuda::place_inputs(form, rows, columns, memory.get());
  gpu::Stream stream;
  ops::cuda::make_inputs(stream, source, rows, inputs);
  const auto offset = [&](const void* p) { return p ? size_t(static_cast<const std::byte*>(p) - memory.get()) : 0; };
  return {form, columns, inputs.groups, memory.read(stream), offset(inputs.scales), offset(inputs.sums)};
}

RowSource plain(const DeviceArray<float>& values) { return {RowSource::Kind::kPlain, values.get(), nullptr, 0, nullptr}; }

}  // namespace

TEST("plain rows become bytes by the CPU's law, bit for bit, with sums of each half group") {
  constexpr int kRows = 11;
  constexpr int64_t kColumns = 1088;  // two pieces of the grid
  std::vector<float> x = testing::random_floats(kRows * kColumns, 1);
  std::fill(x.begin(), x.begin() + 32, 0.0f);
  for (size_t i = 32; i < 64; i++) x[i] *= 1e-34f;
  for (size_t i = 64; i < 96; i++) x[i] *= 1e30f;
  const DeviceArray<float> values(x);
  testing::for_all_orders([&](const std::string& order) {
    const HostInputs got = make(plain(values), InputForm::kBytes, kRows, kColumns);
    int wrong = 0;
    for (int r = 0; r < kRows; r++)
      for (int64_t group = 0; group < kColumns; group += 32) {
        const float* in = x.data() + r * kColumns + group;
        float largest = 0;
        for (int k = 0; k < 32; k++) largest = std::max(largest, std::fabs(in[k]));
        const float inverse = largest > 1e-30f ? 127.0f / largest : 0.0f;
        int sums[2] = {};
        for (int k = 0; k < 32; k++) {
          const int quant = int(std::nearbyint(in[k] * inverse));
          sums[k / 16] += quant;
          wrong += got.quant(r, group + k) != quant;
        }
        wrong += got.scale(r, group) != largest / 127.0f || got.sum(r, group) != sums[0] || got.sum(r, group + 16) != sums[1];
      }
    CHECK_MSG(wrong == 0, order + ": " + std::to_string(wrong));
  });
}

TEST("a group with an infinity or a NaN has a scale of NaN; its neighbours and other rows do not notice") {
  constexpr int64_t kColumns = 96;
  for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::nanf("")}) {
    std::vector<float> x = testing::random_floats(2 * kColumns, 2), clean = x;
    x[40] = bad;
    const DeviceArray<float> values(x), clean_values(clean);
    const HostInputs got = make(plain(values), InputForm::kBytes, 2, kColumns), expected = make(plain(clean_values), InputForm::kBytes, 2, kColumns);
    for (int r = 0; r < 2; r++)
      for (int64_t i = 0; i < kColumns; i++) {
        if (r == 0 && i / 32 == 1) CHECK(std::isnan(got.scale(r, i)) && got.quant(r, i) == 0);
        else CHECK(got.scale(r, i) == expected.scale(r, i) && got.quant(r, i) == expected.quant(r, i));
      }
  }
}

TEST("bf16 and f16 inputs: to nearest even, f16 by a power of two of the row, columns behind the last one are zero") {
  constexpr int kRows = 9;
  constexpr int64_t kColumns = 75;
  std::vector<float> x = testing::random_floats(kRows * kColumns, 3);
  for (int64_t i = 0; i < kColumns; i++) x[size_t(kColumns + i)] *= 1e30f, x[size_t(2 * kColumns + i)] *= 1e-30f, x[size_t(3 * kColumns + i)] = 0;
  const DeviceArray<float> values(x);
  testing::for_all_orders([&](const std::string& order) {
    const HostInputs bf16 = make(plain(values), InputForm::kBF16, kRows, kColumns), f16 = make(plain(values), InputForm::kF16, kRows, kColumns);
    int wrong = 0;
    for (int r = 0; r < kRows; r++) {
      const float factor = f16.at<float>(f16.scales_at, size_t(r));
      int exponent = 0;
      wrong += std::frexp(factor, &exponent) != 0.5f;
      float largest = 0;
      for (int64_t i = 0; i < 96; i++) {
        const float value = i < kColumns ? x[size_t(r * kColumns + i)] : 0.0f;
        wrong += bf16.half(r, i) != f32_to_bf16(value) || f16.half(r, i) != f32_to_f16(value / factor);
        largest = std::max(largest, std::fabs(value / factor));
      }
      wrong += r != 3 && !(largest >= 16384 && largest < 32768);
    }
    CHECK_MSG(wrong == 0, order + ": " + std::to_string(wrong));
  });
}

TEST("normed and gated rows agree with the reference, and a row's bits do not depend on the rows beside it") {
  // f32 against f64: sums of squares of 320 values, then three roundings; expf within 2 units.
  constexpr double kTolerance = 2e-6;
  constexpr int kRows = 5;
  constexpr int64_t kColumns = 320;
  const std::vector<float> x = testing::random_floats(kRows * kColumns, 4), up = testing::random_floats(kRows * kColumns, 5);
  const std::vector<float> weight = testing::random_floats(kColumns, 6);
  std::vector<float> normed(x.size()), gated(x.size());
  ops::ref::rms_norm(x.data(), weight.data(), 1e-5f, kRows, kColumns, normed.data());
  ops::ref::swiglu(x.data(), up.data(), kRows, kColumns, gated.data());
  const DeviceArray<float> values(x), device_weight(weight), device_up(up);
  const RowSource norm{RowSource::Kind::kRmsNorm, values.get(), device_weight.get(), 1e-5f, nullptr};
  const RowSource gate{RowSource::Kind::kSwiGlu, values.get(), nullptr, 0, device_up.get()};
  testing::for_all_orders([&](const std::string& order) {
    for (const auto& [source, expected] : {std::pair(norm, &normed), std::pair(gate, &gated)}) {
      const HostInputs all = make(source, InputForm::kF32, kRows, kColumns);
      double worst = 0;
      for (size_t i = 0; i < x.size(); i++)
        worst = std::max(worst, std::fabs(double(all.at<float>(0, i)) - double((*expected)[i])) / std::max(1.0, std::fabs(double((*expected)[i]))));
      CHECK_MSG(worst < kTolerance, order + " " + std::to_string(worst));
      RowSource third = source;
      third.values += 2 * kColumns;
      if (third.up) third.up += 2 * kColumns;
      for (const InputForm form : {InputForm::kF32, InputForm::kBytes, InputForm::kF16}) {
        const HostInputs among = make(source, form, kRows, kColumns), alone = make(third, form, 1, kColumns);
        bool same = true;
        for (int64_t i = 0; i < kColumns; i++) {
          if (form == InputForm::kF32) same = same && among.at<float>(0, size_t(2 * kColumns + i)) == alone.at<float>(0, size_t(i));
          if (form == InputForm::kBytes) same = same && among.quant(2, i) == alone.quant(0, i) && among.scale(2, i) == alone.scale(0, i);
          if (form == InputForm::kF16) same = same && among.half(2, i) == alone.half(0, i);
        }
        CHECK_MSG(same, order);
      }
    }
  });
}
