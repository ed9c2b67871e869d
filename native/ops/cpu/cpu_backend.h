// The CPU backend: checks, layout and division of work in native/ops/cpu/*.cc, arithmetic in isa/*.cc.
#pragma once
#include <memory>
#include <string>

#include "base/thread_pool.h"
#include "ops/backend.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/page_memory.h"
#include "ops/cpu/rope_table.h"

namespace ragdraft::ops {

class CpuBackend final : public Backend {
 public:
  CpuBackend(int threads, const std::string& isa) : kernels_(resolve_kernels(isa)), pool_(threads) {}

  std::string name() const override { return std::string("cpu/") + kernels_.isa; }
  int threads() const override { return pool_.threads(); }
  kv::KvType preferred_kv() const override { return kernels_.preferred_kv; }
  const std::shared_ptr<Memory>& memory() const override { return memory_; }
  kv::BlockOrder block_order() const override { return kv::BlockOrder::kOperands; }

  // pack.cc, embed.cc, linear.cc
  std::unique_ptr<Matrix> pack(const formats::MatrixView& source) override;
  void add_draft_copy(Matrix& matrix, const formats::MatrixView& source) override;
  std::string packed_layout(formats::DType type) const override;
  std::unique_ptr<Matrix> adopt(const formats::MatrixView& source, std::span<const std::byte> image, std::shared_ptr<const void> owner) override;
  std::unique_ptr<EmbeddingTable> load_embedding(const formats::MatrixView& source) override;
  void embed(const EmbeddingTable& table, std::span<const TokenId> tokens, float* out) override;
  void linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision) override;

  // attention.cc, rope.cc
  void rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const Rope& rope, int heads, float* q,
                      const float* k, const float* v) override;
  void attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale, const float* q,
                 float* out) override;

 private:
  const std::shared_ptr<Memory> memory_ = std::make_shared<PageMemory>();
  const CpuKernels kernels_;
  ThreadPool pool_;
  Scratch linear_scratch_;     // inputs in the kernels' layout
  Scratch attention_scratch_;  // of attention.cc
  RopeTable rope_table_;
};

}  // namespace ragdraft::ops
