// A model and one of its sequences, as speculation sees them. Owns neither: session and flag outlive it. Engine thread.
#pragma once
#include <atomic>

#include "engine/session.h"
#include "spec/language_model.h"

namespace ragdraft::engine {

class SequenceModel final : public spec::LanguageModel {
 public:
  SequenceModel(Session& session, const std::atomic<bool>& cancelled) : session_(session), cancelled_(cancelled) {}
  int vocab_size() const override { return session_.model->config().vocab; }
  int length() const override { return session_.sequence->length(); }
  int max_length() const override { return session_.sequence->max_tokens(); }
  void truncate(int length) override { session_.sequence->truncate(length); }
  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override {
    const model::SequenceRows rows{session_.sequence.get(), session_.precision, tokens, logit_rows};
    session_.model->forward(std::span(&rows, 1), logits, &cancelled_);
  }

 private:
  Session& session_;
  const std::atomic<bool>& cancelled_;
};

}  // namespace ragdraft::engine
