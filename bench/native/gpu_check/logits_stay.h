// A backend whose logits stay where they were computed, as they do in a round of speculation: passes take what the device takes. Everything
// else is the inner backend's.
#pragma once
#include <memory>
#include <string>

#include "ops/backend.h"

namespace ragdraft::gpu_check {

class LogitsStay final : public ops::Backend {
 public:
  // most_rows: of a pass whose logits are wanted.
  LogitsStay(std::shared_ptr<ops::Backend> inner, int most_rows) : inner_(std::move(inner)), most_rows_(most_rows) {}

  // While set, logits come to the host after all.
  void bring_logits(bool bring) { bring_ = bring; }

  std::string name() const override { return inner_->name(); }
  kv::KvType preferred_kv() const override { return inner_->preferred_kv(); }
  void check_kv(const kv::KvLayout& layout) const override { inner_->check_kv(layout); }
  const std::shared_ptr<Memory>& memory() const override { return inner_->memory(); }
  kv::BlockOrder block_order() const override { return inner_->block_order(); }
  std::unique_ptr<ops::Matrix> pack(const tensor::MatrixView& source) override { return inner_->pack(source); }
  void add_draft_copy(ops::Matrix& matrix, const tensor::MatrixView& source) override { inner_->add_draft_copy(matrix, source); }
  std::unique_ptr<ops::EmbeddingTable> load_embedding(const tensor::MatrixView& source) override { return inner_->load_embedding(source); }
  void begin_pass(const ops::Pass& pass) override { inner_->begin_pass(pass); }
  void embed(const ops::EmbeddingTable& table, std::span<const TokenId> tokens, float* out) override { inner_->embed(table, tokens, out); }
  void linear(std::span<const ops::LinearTask> tasks, const ops::LinearInput& input, int rows, ops::Precision precision) override {
    inner_->linear(tasks, input, rows, precision);
  }
  void rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const ops::Rope& rope, int heads, float* q,
                      const float* k, const float* v) override {
    inner_->rope_append_kv(layout, layer, spans, rope, heads, q, k, v);
  }
  void attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale, const float* q,
                 float* out) override {
    inner_->attention(layout, layer, spans, heads, scale, q, out);
  }
  void gather(const float* x, std::span<const int> rows, int columns, float* out) override { inner_->gather(x, rows, columns, out); }
  void logits(const ops::Matrix& output, const ops::LinearInput& input, int rows, ops::Precision precision, float* logits) override {
    if (bring_) return inner_->logits(output, input, rows, precision, logits);
    if (!memory_) memory_ = inner_->memory()->allocate(size_t(most_rows_) * size_t(output.rows) * sizeof(float));
    const ops::LinearTask task{&output, nullptr, reinterpret_cast<float*>(memory_.get())};
    inner_->linear({&task, 1}, input, rows, precision);
  }
  void wait() override { inner_->wait(); }

 private:
  const std::shared_ptr<ops::Backend> inner_;
  const int most_rows_;
  std::shared_ptr<std::byte[]> memory_;
  bool bring_ = false;
};

}  // namespace ragdraft::gpu_check
