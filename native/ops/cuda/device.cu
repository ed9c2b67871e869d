#include "ops/cuda/device.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace ragdraft::ops::cuda {
namespace {

constexpr int kMostProducts = 4;  // of one launch, see linear.h

// Before the members that allocate.
int chosen(int index) {
  gpu::use_device(index);
  return index;
}

}  // namespace

void* Scratch::take(gpu::Stream& stream, size_t bytes) {
  if (bytes > bytes_) {
    bytes = std::max(bytes, 2 * bytes_);
    pieces_.push_back(std::make_unique<OnDevice<std::byte>>(bytes));
    bytes_ = bytes;
    stream.fill(pieces_.back()->get(), 0, bytes);
  }
  return pieces_.empty() ? nullptr : pieces_.back()->get();
}

Device::Device(int index) : index(chosen(index)) {}

void* Device::allocate(size_t bytes) {
  void* const memory = gpu::allocate(std::max<size_t>(bytes, 1));
  try {
    stream.fill(memory, 0, bytes);
  } catch (...) {
    gpu::release(memory);
    throw;
  }
  return memory;
}

void Device::upload(void* to, const void* from, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    Staging& staging = staging_[next_staging_];
    next_staging_ = 1 - next_staging_;
    const size_t count = std::min(bytes - done, kStagingBytes);
    staging.read.wait();
    std::memcpy(staging.memory.get(), static_cast<const std::byte*>(from) + done, count);
    stream.to_device(static_cast<std::byte*>(to) + done, staging.memory.get(), count);
    staging.read.record(stream);
    done += count;
  }
}

void Device::download(void* to, const void* from, size_t bytes) {
  Staging& staging = staging_[next_staging_];
  for (size_t done = 0; done < bytes;) {
    const size_t count = std::min(bytes - done, kStagingBytes);
    stream.to_host(staging.memory.get(), static_cast<const std::byte*>(from) + done, count);
    stream.synchronize();
    std::memcpy(static_cast<std::byte*>(to) + done, staging.memory.get(), count);
    done += count;
  }
}

Pass* Device::next_pass() {
  pass_read_.wait();
  return host_pass_.get();
}

void Device::upload_pass(int pages) {
  stream.to_device(device_pass_.get(), host_pass_.get(), offsetof(Pass, pages) + size_t(pages) * sizeof(std::byte*));
  pass_read_.record(stream);
}

void Device::begin_recording() {
  recorder_.begin_capture();
  recording_ = true;
}

gpu::Graph Device::end_recording() {
  recording_ = false;
  return recorder_.end_capture();
}

void Device::pack(const Weights& into, int64_t first_row, int64_t rows, const void* from) {
  const size_t bytes = size_t(rows) * tensor::row_bytes(into.type, into.columns);
  auto* const raw = static_cast<uint8_t*>(products_.take(stream, std::max(bytes, linear_scratch_bytes(into.type, into.columns))));
  upload(raw, from, bytes);
  cuda::pack(stream, raw, first_row, rows, into);
}

void Device::linear(const Product* products, int count, const RowSource& source, int rows, bool draft) {
  constexpr InputForm kForms[] = {InputForm::kBytes, InputForm::kBF16, InputForm::kF16, InputForm::kF32};
  for (const InputForm form : kForms) {
    Product of_form[kMostProducts];
    int found = 0;
    Inputs inputs{};
    for (int i = 0; i < count; i++) {
      const Product& product = products[i];
      if (input_form(product.weights.type) != form) continue;
      if (inputs.values == nullptr) {
        const int64_t columns = product.weights.columns;
        inputs = place_inputs(form, rows, columns, products_.take(stream, input_bytes(form, rows, columns)));
        make_inputs(work(), source, rows, inputs);
      }
      of_form[found++] = product;
      if (found < kMostProducts) continue;
      cuda::linear(work(), of_form, found, inputs, rows, draft);
      found = 0;
    }
    if (found > 0) cuda::linear(work(), of_form, found, inputs, rows, draft);
  }
}

void Device::attention(const AttentionShape& shape, const float* q, float* out) {
  cuda::attention(work(), pass(), shape, q, out, attention_.take(stream, attention_scratch_bytes(shape)));
}

size_t linear_scratch_bytes(tensor::DType type, int64_t columns) { return input_bytes(input_form(type), kPassRows, columns); }

}  // namespace ragdraft::ops::cuda
