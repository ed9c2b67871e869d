#include "ops/cuda/kernels/linear/inputs.cuh"

namespace ragdraft::ops::cuda {
namespace {

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// Bytes of each array, and where the next one starts.
struct Sizes {
  size_t values, scales, sums;
  static size_t padded(size_t bytes) { return round_up(bytes, 256); }
};

Sizes sizes_of(InputForm form, int rows, int64_t columns) {
  const size_t groups = round_up(size_t(columns), kGroupInputs) / kGroupInputs, padded_rows = round_up(size_t(rows), kTileRows);
  const size_t elements = padded_rows * groups * kGroupInputs;
  switch (form) {
    case InputForm::kBytes: return {elements, padded_rows * groups * sizeof(float), padded_rows * groups * 2 * sizeof(int32_t)};
    case InputForm::kBF16: return {elements * sizeof(uint16_t), 0, 0};
    case InputForm::kF16: return {elements * sizeof(uint16_t), size_t(rows) * sizeof(float), 0};
    case InputForm::kF32: return {size_t(rows) * size_t(columns) * sizeof(float), 0, 0};
  }
  return {};
}

template <RowSource::Kind kKind, InputForm kForm>
void make_as(gpu::Stream& stream, const RowSource& source, int rows, const Inputs& out) {
  const dim3 grid(unsigned((out.groups + kPieceGroups - 1) / kPieceGroups), unsigned(rows));
  gpu::launch(make_inputs_kernel<kKind, kForm>, gpu::Shape{grid, dim3(kInputThreads)}, stream, source, out);
}

template <RowSource::Kind kKind>
void make_of(gpu::Stream& stream, const RowSource& source, int rows, const Inputs& out) {
  switch (out.form) {
    case InputForm::kBytes: return make_as<kKind, InputForm::kBytes>(stream, source, rows, out);
    case InputForm::kBF16: return make_as<kKind, InputForm::kBF16>(stream, source, rows, out);
    case InputForm::kF16: return make_as<kKind, InputForm::kF16>(stream, source, rows, out);
    case InputForm::kF32: return make_as<kKind, InputForm::kF32>(stream, source, rows, out);
  }
}

}  // namespace

size_t input_bytes(InputForm form, int rows, int64_t columns) {
  const Sizes sizes = sizes_of(form, rows, columns);
  return Sizes::padded(sizes.values) + Sizes::padded(sizes.scales) + Sizes::padded(sizes.sums);
}

Inputs place_inputs(InputForm form, int rows, int64_t columns, void* memory) {
  const Sizes sizes = sizes_of(form, rows, columns);
  auto* const values = static_cast<unsigned char*>(memory);
  unsigned char* const scales = values + Sizes::padded(sizes.values);
  unsigned char* const sums = scales + Sizes::padded(sizes.scales);
  return {form,
          columns,
          (columns + kGroupInputs - 1) / kGroupInputs,
          values,
          sizes.scales > 0 ? reinterpret_cast<float*>(scales) : nullptr,
          sizes.sums > 0 ? reinterpret_cast<int32_t*>(sums) : nullptr};
}

void make_inputs(gpu::Stream& stream, const RowSource& source, int rows, const Inputs& out) {
  switch (source.kind) {
    case RowSource::Kind::kPlain: return make_of<RowSource::Kind::kPlain>(stream, source, rows, out);
    case RowSource::Kind::kRmsNorm: return make_of<RowSource::Kind::kRmsNorm>(stream, source, rows, out);
    case RowSource::Kind::kSwiGlu: return make_of<RowSource::Kind::kSwiGlu>(stream, source, rows, out);
  }
}

}  // namespace ragdraft::ops::cuda
