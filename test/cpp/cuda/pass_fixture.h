// Passes on the emulated device: rows of sequences with pages of their own.
#pragma once
#include <cstring>
#include <memory>
#include <vector>

#include "device_array.h"
#include "kv/layout.h"
#include "ops/cuda/kernels/attention/kv.h"
#include "ops/cuda/kernels/pass.h"

namespace testing {

struct SpanRows {
  ragdraft::Position first_position;
  int rows;
  ragdraft::Position skipped = 0;  // rows are rotated by position + skipped
};

// A pass of these spans, one sequence each, whose pages are zero and cover all positions up to the rows' last.
class DevicePass {
 public:
  DevicePass(const ragdraft::kv::KvLayout& layout, const std::vector<SpanRows>& spans) : layout_(layout), pass_(sizeof(ragdraft::ops::cuda::Pass)) {
    ragdraft::ops::cuda::Pass& pass = host();
    size_t pages = 0;
    for (const SpanRows& span : spans) pages += page_count(span);
    memory_ = std::make_unique<DeviceArray<std::byte>>(std::vector<std::byte>(pages * layout.page_bytes()));
    pages = 0;
    for (const SpanRows& span : spans) {
      pass.span[pass.spans] = {pass.rows, span.rows, span.first_position, int32_t(pages)};
      for (size_t i = 0; i < page_count(span); i++, pages++) pass.pages[pages] = memory_->get() + pages * layout.page_bytes();
      for (int r = 0; r < span.rows; r++, pass.rows++) {
        const ragdraft::Position position = span.first_position + r;
        pass.row[pass.rows] = {0, position, position + span.skipped, pass.spans};
      }
      pass.spans++;
    }
  }
  // To be changed before upload().
  ragdraft::ops::cuda::Pass& host() { return *reinterpret_cast<ragdraft::ops::cuda::Pass*>(pass_.data()); }
  const ragdraft::ops::cuda::Pass* upload() {
    device_ = std::make_unique<DeviceArray<std::byte>>(pass_);
    return reinterpret_cast<const ragdraft::ops::cuda::Pass*>(device_->get());
  }
  // All pages one after the other, as host bytes, after everything given to `stream`.
  std::vector<std::byte> read_pages(ragdraft::gpu::Stream& stream) const { return memory_->read(stream); }
  void write_pages(const std::vector<std::byte>& bytes) {
    ragdraft::gpu::Stream stream;
    stream.to_device(memory_->get(), bytes.data(), bytes.size());
    stream.synchronize();
  }
  int rows() { return host().rows; }
  const ragdraft::kv::KvLayout& layout() const { return layout_; }

 private:
  static size_t page_count(const SpanRows& span) {
    return size_t(span.first_position + span.rows + ragdraft::kPageTokens - 1) / ragdraft::kPageTokens;
  }
  const ragdraft::kv::KvLayout layout_;
  std::vector<std::byte> pass_;
  std::unique_ptr<DeviceArray<std::byte>> memory_, device_;
};

}  // namespace testing
