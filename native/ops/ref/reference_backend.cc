// The reference operations of the Backend contract: the oracle of every other backend.
#include <cstring>
#include <new>
#include <string>

#include "base/error.h"
#include "ops/mapped_embedding.h"
#include "ops/ref/ref.h"

namespace ragdraft::ops {
namespace {

class HeapMemory final : public HostMemory {
 public:
  std::shared_ptr<std::byte[]> allocate(size_t bytes) override {
    constexpr std::align_val_t kAlignment{64};
    constexpr size_t kAddressSpace = size_t{1} << 47;  // more is never there, and sanitizers abort on such requests
    void* memory = bytes < kAddressSpace ? ::operator new(bytes, kAlignment, std::nothrow) : nullptr;
    if (memory == nullptr) throw Error(Code::kOutOfMemory, "no memory for " + std::to_string(bytes) + " bytes");
    std::memset(memory, 0, bytes);
    return {static_cast<std::byte*>(memory), [](std::byte* p) { ::operator delete(p, std::align_val_t{64}); }};
  }
};

class ReferenceBackend final : public Backend {
 public:
  std::string name() const override { return "ref"; }
  const std::shared_ptr<Memory>& memory() const override { return memory_; }

  std::unique_ptr<Matrix> pack(const formats::MatrixView& source) override { return std::make_unique<ref::RefMatrix>(source); }
  void add_draft_copy(Matrix& matrix, const formats::MatrixView& source) override { static_cast<ref::RefMatrix&>(matrix).add_draft_copy(source); }

  std::unique_ptr<EmbeddingTable> load_embedding(const formats::MatrixView& source) override { return std::make_unique<MappedEmbedding>(source); }

  void embed(const EmbeddingTable& table, std::span<const TokenId> tokens, float* out) override {
    ref::embed(MappedEmbedding::view_of(table), tokens, out);
  }

  void linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision) override {
    ref::linear(tasks, input, rows, precision);
  }

  void rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const Rope& rope, int heads, float* q,
                      const float* k, const float* v) override {
    ref::rope_append_kv(layout, layer, spans, rope, heads, q, k, v);
  }

  void attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale, const float* q,
                 float* out) override {
    ref::attention(layout, layer, spans, heads, scale, q, out);
  }

 private:
  const std::shared_ptr<Memory> memory_ = std::make_shared<HeapMemory>();
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace ragdraft::ops
