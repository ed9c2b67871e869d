#include "ops/cpu/packed_layout.h"

#include "ops/cpu/packed_matrix.h"

namespace ragdraft::ops {
namespace {

// Bytes of a panel's planes for every 256 inputs; a group of 32 takes an eighth.
struct Planes {
  PackedFormat format;
  int supers, scales, high, low;
};

// Of a type that is computed as itself.
Planes planes_of(formats::DType type) {
  using formats::DType;
  constexpr int kVector = 64, kHalves = 16 * 2, kBytes = 16;
  switch (type) {
    case DType::kF32: return {PackedFormat::kF32, 0, 0, 0, 256 * 16 * 4};
    case DType::kF16: return {PackedFormat::kF16, 0, 0, 0, 256 * 16 * 2};
    case DType::kBF16: return {PackedFormat::kBF16, 0, 0, 0, 256 * 16 * 2};
    case DType::kQ8_0: return {PackedFormat::kQ8_0, 0, 8 * kHalves, 32 * kVector, 32 * kVector};
    case DType::kQ4_0: return {PackedFormat::kQ4_0, 0, 8 * kHalves, 0, 32 * kVector};
    case DType::kQ5_0: break;
    case DType::kQ4_K: return {PackedFormat::kQ4_K, 2 * kHalves, 8 * 2 * kBytes, 0, 32 * kVector};
    case DType::kQ5_K: return {PackedFormat::kQ5_K, 2 * kHalves, 8 * 2 * kBytes, 8 * kVector, 32 * kVector};
    case DType::kQ6_K: return {PackedFormat::kQ6_K, kHalves, 16 * kBytes, 16 * kVector, 32 * kVector};
  }
  return {PackedFormat::kF32, 0, 0, 0, 0};  // no other DType exists
}

}  // namespace

PackedWeights plan_layout(formats::DType type, int64_t rows, int64_t columns) {
  const Planes planes = planes_of(formats::computed_as(type));
  PackedWeights layout{};
  layout.format = planes.format;
  layout.rows = rows;
  layout.columns = columns;
  layout.panels = (rows + kPanelOutputs - 1) / kPanelOutputs;
  const int64_t stored_columns = layout.format == PackedFormat::kBF16 ? padded_columns(columns) : columns;
  size_t end = 0;
  const auto place = [&](int bytes_per_256) {
    const size_t start = end;
    end += (size_t(stored_columns) * size_t(bytes_per_256) / 256 + 63) / 64 * 64;
    return start;
  };
  layout.supers = place(planes.supers);
  layout.scales = place(planes.scales);
  layout.high = place(planes.high);
  if (layout.format == PackedFormat::kQ8_0) {
    layout.panel_step = end;
    layout.low = size_t(layout.panels) * end;
    layout.low_step = size_t(columns) * size_t(planes.low) / 256;
    layout.read_bytes = layout.panel_step + layout.low_step;
  } else {
    layout.low = place(planes.low);
    layout.panel_step = layout.low_step = layout.read_bytes = end;
  }
  layout.bytes = size_t(layout.panels) * layout.read_bytes;
  return layout;
}

PackedWeights draft_view(PackedWeights weights) {
  if (weights.format != PackedFormat::kQ8_0) return weights;
  weights.format = PackedFormat::kQ8_0High;
  weights.low = weights.high;
  weights.low_step = weights.read_bytes = weights.panel_step;
  return weights;
}

}  // namespace ragdraft::ops
