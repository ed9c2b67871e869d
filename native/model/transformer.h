// The forward pass of a model: walks its plan, written once against ops::Backend.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/pass_rows.h"
#include "io/gguf/gguf.h"
#include "kv/selection.h"
#include "kv/sequence.h"
#include "model/config.h"
#include "model/weights.h"
#include "ops/backend.h"

namespace ragdraft::model {

// Rows of one sequence within a batch: `tokens` are appended to it. In a round on the device, see rounds(), tokens may be
// unknown_draft(). All passes of a sequence must have the same precision: its keys and values depend on how the weights are read.
struct SequenceRows {
  kv::Sequence* sequence;
  ops::Precision precision;  // the same in a whole batch
  std::span<const TokenId> tokens;
  int logit_rows = 0;                  // logits are wanted for this many tokens, the last ones
  kv::Selection* selection = nullptr;  // the part of the sequence that the rows attend to; nullptr: all of it
};

class Transformer {
 public:
  // Bytes of the activations of a pass.
  static size_t workspace_bytes(const Config& config);

  static constexpr int kMaxRows = kMaxPassRows;

  Transformer(std::shared_ptr<const io::GgufFile> file, Config config, Weights weights, std::shared_ptr<ops::Backend> backend);
  ~Transformer();

  const Config& config() const { return config_; }
  const ops::Backend& backend() const { return *backend_; }
  // The rounds of the backend, shared by all models on it; nullptr where it has none.
  sampling::Rounds* rounds() { return backend_->rounds(); }
  // Bytes of the packed matrices, without their draft copies and the embedding table.
  int64_t weight_bytes() const { return weight_bytes_; }
  // Bytes of the draft copies; 0 if there are none.
  int64_t copy_bytes() const { return copy_bytes_; }
  // Bytes of the matrices that a pass at Precision::kDraft reads; equal to weight_bytes() where no matrix has a coarser form.
  int64_t draft_bytes() const { return draft_bytes_; }
  // Where the packed matrices came from.
  const CacheReport& weights_cache() const { return weights_.cache; }
  // The cache that all sequences of this model with one KV type share; the last of them frees it. May be called on any thread.
  // Throws kInvalidArgument for a type that the backend's attention cannot read.
  std::shared_ptr<kv::Cache> cache(kv::KvType type);

  // Appends all rows (1..kMaxRows in total, sequences distinct, token ids in range) in one pass and writes the wanted logits,
  // [sum of logit_rows, vocab], in batch order. A row's logits and cache entries do not depend on what else is in the batch.
  // logits: memory of the caller; null where no logits are wanted, or where they stay with the backend (ops::Backend::keeps_logits).
  // When `cancel` becomes true the pass ends early with kAborted. After any error all sequences are as long as before.
  // Throws kInvalidArgument, kContextOverflow, kOutOfMemory, kAborted, kDeviceFailed. Must be called on the engine thread.
  void forward(std::span<const SequenceRows> batch, float* logits, const std::atomic<bool>* cancel = nullptr);
  // Returns when passes without logits have been computed. Throws kDeviceFailed. Must be called on the engine thread.
  void wait() { backend_->wait(); }

 private:
  struct Workspace;
  void run_layers(std::span<const SequenceRows> batch, float* logits, const std::atomic<bool>* cancel);
  const std::shared_ptr<const io::GgufFile> file_;  // kept mapped: a backend may read the embedding there
  const Config config_;
  const std::shared_ptr<ops::Backend> backend_;
  const Weights weights_;
  int64_t weight_bytes_ = 0, copy_bytes_ = 0, draft_bytes_ = 0;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<ops::Recordings> recordings_;  // of passes over the weights and the workspace
  std::mutex caches_mutex_;
  std::vector<std::weak_ptr<kv::Cache>> caches_;  // indexed by KvType
};

}  // namespace ragdraft::model
