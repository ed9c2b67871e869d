// A model and one of its sequences, as speculation sees them. Owns neither: session, selection and flag outlive it. Engine thread.
#pragma once
#include <atomic>

#include "runtime/session.h"
#include "kv/selection.h"
#include "decoding/language_model.h"

namespace ragdraft::runtime {

class SequenceModel final : public decoding::LanguageModel {
 public:
  SequenceModel(Session& session, const std::atomic<bool>& cancelled) : SequenceModel(session, cancelled, session.precision, nullptr) {}
  // The same model as a drafter in the same sequence. It reads `selection` of it; what it appends is to be cut off again, being of
  // another precision and without sight of the rest.
  SequenceModel(Session& session, const std::atomic<bool>& cancelled, ops::Precision precision, kv::Selection* selection)
      : session_(session), cancelled_(cancelled), precision_(precision), selection_(selection) {}
  int vocab_size() const override { return session_.model->config().vocab; }
  int length() const override { return session_.sequence->length(); }
  int max_length() const override { return session_.sequence->max_tokens(); }
  void truncate(int length) override { session_.sequence->truncate(length); }
  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override {
    const model::SequenceRows rows{session_.sequence.get(), precision_, tokens, logit_rows, selection_};
    session_.model->forward(std::span(&rows, 1), logits, &cancelled_);
  }

 private:
  Session& session_;
  const std::atomic<bool>& cancelled_;
  const ops::Precision precision_;
  kv::Selection* const selection_;
};

}  // namespace ragdraft::runtime
