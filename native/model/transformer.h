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

// Rows of one sequence within a batch: `tokens` are appended to it.
// In rounds(), while logits stay, tokens may be unknown_draft().
// What a sequence keeps has one precision for life: its keys and values come from the weights as that precision reads them.
struct SequenceRows {
  kv::Sequence* sequence;
  ops::Precision precision;  // the same in a whole batch
  std::span<const TokenId> tokens;
  int logit_rows = 0;                   // logits are wanted for the last so many tokens
  kv::Selection* selection = nullptr;  // what the rows see of the sequence; nullptr: all of it
};

class Transformer {
 public:
  // Memory of the activations of a pass.
  static size_t workspace_bytes(const Config& config);

  static constexpr int kMaxRows = kMaxPassRows;

  Transformer(std::shared_ptr<const io::GgufFile> file, Config config, Weights weights, std::shared_ptr<ops::Backend> backend);
  ~Transformer();

  const Config& config() const { return config_; }
  const ops::Backend& backend() const { return *backend_; }
  // Of the backend: the same for all models on it. nullptr where it has none.
  sampling::Rounds* rounds() { return backend_->rounds(); }
  // Memory of the packed matrices but for their draft copies; the embedding table is not counted.
  int64_t weight_bytes() const { return weight_bytes_; }
  // Memory of the draft copies; 0 without.
  int64_t copy_bytes() const { return copy_bytes_; }
  // What a pass at Precision::kDraft reads; equal to weight_bytes() where no matrix has a cheaper form.
  int64_t draft_bytes() const { return draft_bytes_; }
  // Where the packed matrices came from.
  const CacheReport& weights_cache() const { return weights_.cache; }
  // The cache that all sequences of this model with one KV type share; it dies with the last of them. Any thread.
  // Throws kInvalidArgument for a type that the backend's attention cannot read.
  std::shared_ptr<kv::Cache> cache(kv::KvType type);

  // Appends all rows (1..kMaxRows in total, sequences distinct, token ids in range) in one pass and writes the wanted logits,
  // [sum of logit_rows, vocab], in batch order. A row's logits and cache entries do not depend on what else is in the batch.
  // logits: caller's memory; null where no logits are wanted, or where they stay with the backend (ops::Backend::keeps_logits).
  // When `cancel` becomes true the pass ends early with Error{kAborted}; on any error no sequence has grown.
  // Throws kInvalidArgument, kContextOverflow, kOutOfMemory, kAborted, kDeviceFailed. Engine thread only.
  void forward(std::span<const SequenceRows> batch, float* logits, const std::atomic<bool>* cancel = nullptr);
  // Until passes without logits have been computed. Throws kDeviceFailed. Engine thread only.
  void wait() { backend_->wait(); }

 private:
  struct Workspace;
  void run_layers(std::span<const SequenceRows> batch, float* logits, const std::atomic<bool>* cancel);
  const std::shared_ptr<const io::GgufFile> file_;  // stays mapped: the embedding may be read there
  const Config config_;
  const std::shared_ptr<ops::Backend> backend_;
  const Weights weights_;
  int64_t weight_bytes_ = 0, copy_bytes_ = 0, draft_bytes_ = 0;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<ops::Recordings> recordings_;  // of passes over the weights and the workspace
  std::mutex caches_mutex_;
  std::vector<std::weak_ptr<kv::Cache>> caches_;  // by KvType
};

}  // namespace ragdraft::model
