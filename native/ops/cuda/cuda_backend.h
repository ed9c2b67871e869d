// The backend of a GPU: asks the CUDA module for what the core calls an operation.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ops/backend.h"
#include "ops/cuda/cuda_recordings.h"
#include "ops/cuda/device_memory.h"

namespace ragdraft::ops::cuda {

// Operations return before the device has done them; logits that are brought and wait() return after. A failure of the device ends the operation that
// comes upon it, and every later one, with kDeviceFailed: what was computed before it is not to be trusted either.
class CudaBackend final : public Backend, private sampling::Rounds {
 public:
  // Throws kDeviceFailed, kOutOfMemory.
  CudaBackend(const ragdraft_cuda_api& api, int device_index);

  std::string name() const override { return name_; }
  const DeviceDescription* device() const override { return &description_; }
  void require_capacity(const Demand& demand) const override;
  kv::KvType preferred_kv() const override { return kv::KvType::kBF16; }
  void check_kv(const kv::KvLayout& layout) const override;
  const std::shared_ptr<Memory>& memory() const override { return memory_; }
  kv::BlockOrder block_order() const override { return kv::BlockOrder::kTokens; }

  std::unique_ptr<Matrix> pack(const formats::MatrixView& source) override;
  void add_draft_copy(Matrix& matrix, const formats::MatrixView& source) override;
  std::unique_ptr<EmbeddingTable> load_embedding(const formats::MatrixView& source) override;

  std::unique_ptr<Recordings> make_recordings() override { return std::make_unique<CudaRecordings>(device_); }
  // A pass of few rows runs as it is called when its shape comes first, is recorded when it comes again, and from then on is replayed.
  void run(const Pass& pass, Recordings* recordings, const std::function<void()>& operations) override;
  void embed(const EmbeddingTable& table, std::span<const TokenId> tokens, float* out) override;
  void linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision) override;
  void rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const Rope& rope, int heads, float* q,
                      const float* k, const float* v) override;
  void attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale, const float* q,
                 float* out) override;
  void gather(const float* x, std::span<const int> rows, int columns, float* out) override;
  void logits(const Matrix& output, const LinearInput& input, int rows, Precision precision, float* logits) override;
  bool keeps_logits() const override { return true; }
  sampling::Rounds* rounds() override { return this; }
  void wait() override { device_->call(&ragdraft_cuda_api::wait); }

 private:
  void begin(const sampling::RoundRules& rules, Position position) override;
  void draft(int i) override;
  sampling::RoundOutcome judge(int judged, int rows) override;

  // A rope's frequencies on the device, and room for the angles of a pass. Neither moves nor goes before the backend does: graphs are
  // captured with their addresses.
  struct DeviceRope {
    const Rope rope;
    const std::shared_ptr<std::byte[]> frequency, angles;
  };
  const DeviceRope& on_device(const Rope& rope);
  ragdraft_cuda_rope shape_of(const DeviceRope& rope) const;
  float* logits_memory(int64_t vocabulary);
  void upload(const Pass& pass);
  void run_recorded(CudaRecordings::Recording& recording, const std::function<void()>& operations);
  void record(CudaRecordings::Recording& recording, const std::function<void()>& operations);

  const std::shared_ptr<const OpenDevice> device_;
  const std::shared_ptr<Memory> memory_;
  const DeviceDescription description_;
  const std::string name_;
  std::vector<std::unique_ptr<const DeviceRope>> ropes_;
  std::vector<std::shared_ptr<std::byte[]>> logits_memory_;  // the last one serves; graphs hold addresses of those before it
  size_t logits_bytes_ = 0;                                  // of the last one

  // Of the pass in progress.
  int rows_ = 0;
  int most_keys_ = 0;                     // no row sees more
  const DeviceRope* angles_of_ = nullptr;  // whose angles have been made
  MadeLogits logits_;                     // of the last pass that wanted any
};

}  // namespace ragdraft::ops::cuda
