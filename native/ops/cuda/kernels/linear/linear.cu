#include "ops/cuda/kernels/linear/linear.h"

#include <string>

#include "base/error.h"
#include "ops/cuda/kernels/linear/linear_format.h"

namespace ragdraft::ops::cuda {
namespace {

const LinearFormat& format_of(formats::DType type) {
  switch (type) {
#define RAGDRAFT_X(name) \
  case formats::DType::k##name: return kLinear##name;
    RAGDRAFT_KERNEL_FORMATS(RAGDRAFT_X)
#undef RAGDRAFT_X
    default: throw Error(Code::kUnsupportedModel, "no CUDA kernel multiplies weights of type " + std::to_string(uint32_t(type)));
  }
}

}  // namespace

size_t packed_bytes(formats::DType type, int64_t rows, int64_t columns) { return format_of(type).packed_bytes(rows, columns); }

size_t packed_draft_bytes(formats::DType type, int64_t rows, int64_t columns) { return format_of(type).packed_draft_bytes(rows, columns); }

void pack(gpu::Stream& stream, const uint8_t* raw, int64_t first_row, int64_t rows, const DeviceMatrix& into) {
  format_of(into.type).pack(stream, raw, first_row, rows, into);
}

InputForm input_form(formats::DType type) { return format_of(type).input_form; }

// One launch for the products of each type.
void linear(gpu::Stream& stream, const Product* products, int count, const Inputs& inputs, int rows, bool draft) {
  check(count <= kMaxProducts, Code::kInternal, "too many products of one input");
  bool done[kMaxProducts] = {};
  for (int first = 0; first < count; first++) {
    if (done[first]) continue;
    const formats::DType type = products[first].weights.type;
    const LinearFormat& format = format_of(type);
    check(inputs.form == format.input_form, Code::kInternal, "an input in a form that its matrix does not multiply");
    Product alike[kMaxProducts];
    int found = 0;
    for (int i = first; i < count; i++) {
      if (products[i].weights.type != type) continue;
      alike[found++] = products[i];
      done[i] = true;
    }
    format.linear(stream, alike, found, inputs, rows, draft);
  }
}

}  // namespace ragdraft::ops::cuda
