// A model and one of its sequences, as decoding sees them. Owns neither: sequence, selection and flag outlive it. Engine thread.
#pragma once
#include <atomic>

#include "decoding/language_model.h"
#include "kv/selection.h"
#include "runtime/model_sequence.h"

namespace ragdraft::runtime {

class SequenceLanguageModel final : public decoding::LanguageModel {
 public:
  SequenceLanguageModel(ModelSequence& of, const std::atomic<bool>& cancelled) : SequenceLanguageModel(of, cancelled, of.precision, nullptr) {}
  // The same model as a self-drafter, in the same sequence. It reads `selection` of it; what it appends is to be cut off again, being of
  // another precision and without sight of the rest.
  SequenceLanguageModel(ModelSequence& of, const std::atomic<bool>& cancelled, ops::Precision precision, kv::Selection* selection)
      : of_(of), cancelled_(cancelled), precision_(precision), selection_(selection) {}
  int vocab_size() const override { return of_.model->config().vocab; }
  int length() const override { return of_.sequence->length(); }
  int max_length() const override { return of_.sequence->max_tokens(); }
  void truncate(int length) override { of_.sequence->truncate(length); }
  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override {
    const model::SequenceRows rows{of_.sequence.get(), precision_, tokens, logit_rows, selection_};
    of_.model->forward(std::span(&rows, 1), logits, &cancelled_);
  }

 private:
  ModelSequence& of_;
  const std::atomic<bool>& cancelled_;
  const ops::Precision precision_;
  kv::Selection* const selection_;
};

}  // namespace ragdraft::runtime
