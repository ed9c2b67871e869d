// Small models on the device, and texts that are appended to their caches.
#pragma once
#include <cstring>
#include <memory>
#include <vector>

#include "kv/sequence.h"
#include "model/transformer.h"
#include "module_fixture.h"
#include "ops/backend.h"
#include "tiny_model.h"

namespace testing {

using Tokens = std::vector<ragdraft::TokenId>;
using Logits = std::vector<float>;

inline std::shared_ptr<ragdraft::ops::Backend> cuda_backend() {
  return ragdraft::ops::make_cuda_backend(api(), 0);
}

inline bool same_bits(const Logits& a, const Logits& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// A sequence of a model.
class Context {
 public:
  using Model = std::shared_ptr<ragdraft::model::Transformer>;

  explicit Context(Model model, ragdraft::kv::KvType type = ragdraft::kv::KvType::kBF16, ragdraft::ops::Precision precision = ragdraft::ops::Precision::kFull,
                   int max_tokens = 1024)
      : model_(std::move(model)), precision_(precision), sequence_(std::make_unique<ragdraft::kv::Sequence>(model_->cache(type), max_tokens)) {}
  Context(const Context& other) : model_(other.model_), precision_(other.precision_), sequence_(other.sequence_->fork()) {}
  Context& operator=(const Context&) = delete;

  ragdraft::kv::Sequence& sequence() { return *sequence_; }
  ragdraft::model::SequenceRows rows(std::span<const ragdraft::TokenId> tokens, int logit_rows, ragdraft::kv::Selection* selection = nullptr) {
    return {sequence_.get(), precision_, tokens, logit_rows, selection};
  }
  // Appends in one pass; the logits of the last rows.
  Logits append(std::span<const ragdraft::TokenId> tokens, int logit_rows, ragdraft::kv::Selection* selection = nullptr) {
    Logits logits(size_t(logit_rows) * size_t(model_->config().vocab));
    const auto part = rows(tokens, logit_rows, selection);
    model_->forward({&part, 1}, logits.data());
    return logits;
  }

 private:
  const Model model_;
  const ragdraft::ops::Precision precision_;
  const std::unique_ptr<ragdraft::kv::Sequence> sequence_;
};

}  // namespace testing
