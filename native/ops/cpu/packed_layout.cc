#include "ops/cpu/packed_layout.h"

#include "ops/cpu/packed_matrix.h"

namespace ragdraft::ops {
namespace {

// Bytes of a panel's planes for every 256 inputs; a group of 32 takes an eighth.
struct Planes {
  PackedFormat format;
  int supers, scales, high, low;
};

// PackedFormat has the numbers of the formats.
#define RAGDRAFT_X(name) static_assert(uint8_t(PackedFormat::k##name) == formats::name::kId);
RAGDRAFT_KERNEL_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X

Planes planes_of(formats::DType type) {
  return formats::visit(type, [](auto format) -> Planes {
    using As = typename decltype(format)::ComputedAs;
    constexpr auto kFormat = PackedFormat(As::kId);
    if constexpr (As::kQuantBits == 0) {
      return {kFormat, 0, 0, 0, 256 * kPanelOutputs * As::kBlockBytes};
    } else {  // scales: 16 bytes an output, be they halves or bytes
      constexpr int kVector = 64, kHalves = As::kBlockElements == 256 ? int(std::size(As::kHalves)) : 0;
      return {kFormat, kHalves * kPanelOutputs * 2, 16 * kPanelOutputs, (As::kQuantBits - 4) * 8 * kVector, 32 * kVector};
    }
  });
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
