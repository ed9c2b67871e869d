#include "ops/cuda/device.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "ops/cuda/kernels/round/draft.h"
#include "ops/cuda/kernels/round/round_scratch.h"

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

Pass* Device::next_pass(bool ahead) {
  filling_ = &host_pass_;
  if (ahead) {
    constexpr size_t kMostAhead = kMaxVerifyRows + 1;  // passes of a round: one for each draft, and the target's
    if (passes_ahead_.size() <= next_ahead_) passes_ahead_.push_back(std::make_unique<HostPass>());
    filling_ = passes_ahead_[next_ahead_].get();
    next_ahead_ = (next_ahead_ + 1) % kMostAhead;
  }
  filling_->read.wait();
  return filling_->memory.get();
}

void Device::upload_pass(int pages) {
  stream.to_device(device_pass_.get(), filling_->memory.get(), offsetof(Pass, pages) + size_t(pages) * sizeof(std::byte*));
  filling_->read.record(stream);
}

void Device::begin_recording() {
  recorder_.begin_capture();
  recording_ = true;
}

gpu::Graph Device::end_recording() {
  recording_ = false;
  return recorder_.end_capture();
}

void Device::pack(const DeviceMatrix& into, int64_t first_row, int64_t rows, const void* from) {
  const size_t bytes = size_t(rows) * formats::row_bytes(into.type, into.columns);
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

void Device::begin_round(const sampling::RoundRules& rules, Position position) {
  rules_ = rules;
  const size_t q_bytes = rules.keeps_q ? (size_t(kRoundRows) * size_t(rules.valid) * sizeof(float) + 255) / 256 * 256 : 0;
  auto* const memory = static_cast<std::byte*>(round_memory_.take(stream, q_bytes + round_scratch_bytes(kRoundRows, rules.valid)));
  q_rows_ = reinterpret_cast<float*>(memory);
  round_sums_ = memory + q_bytes;
  round_read_.wait();
  Round& round = *host_round_.get();
  round = {};
  round.seed = rules.seed;
  round.position = position;
  round.temperature = rules.temperature;
  round.transfer = rules.transfer;
  round.plausibility = rules.plausibility;
  stream.to_device(round_.get(), host_round_.get(), sizeof(Round));
  round_read_.record(stream);
  round_begun_.record(stream);
  drafted_.record(stream);
}

void Device::draft(int i, const float* logits) {
  check(i >= 0 && i < kRoundRows, Code::kInternal, "a round has no such draft");
  if (rules_.keeps_q) {  // the next pass writes its logits where these are
    float* const row = q_rows_ + int64_t(i) * rules_.valid;
    stream.on_device(row, logits, size_t(rules_.valid) * sizeof(float));
    logits = row;
  }
  cuda::draft(stream, {logits, rules_.valid, rules_.valid}, {rules_.greedy, rules_.keeps_q}, round_.get(), i, round_sums_);
  drafted_.record(stream);
}

sampling::RoundOutcome Device::judge(int judged, int rows, const float* logits, int64_t stride) {
  const Trial trial{rules_.output, rules_.greedy, judged, rows, {logits, stride, rules_.valid}, {q_rows_, rules_.valid, rules_.valid}};
  cuda::judge(stream, trial, round_.get(), round_sums_);
  stream.to_host(host_result_.get(), &round_.get()->result, sizeof(RoundResult));
  judged_.record(stream);
  stream.synchronize();
  const RoundResult& result = *host_result_.get();
  sampling::RoundOutcome outcome;
  outcome.accepted = result.accepted;
  outcome.token = result.token;
  std::copy_n(result.draft, kRoundRows, outcome.draft.begin());
  outcome.draft_ms = drafted_.milliseconds_since(round_begun_);
  outcome.verify_ms = judged_.milliseconds_since(drafted_);
  return outcome;
}

size_t linear_scratch_bytes(formats::DType type, int64_t columns) { return input_bytes(input_form(type), kPassRows, columns); }

}  // namespace ragdraft::ops::cuda
