// What JavaScript handles stand for: a model, and one sequence of it. Shared between handles and running jobs.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "base/error.h"
#include "kv/sequence.h"
#include "model/transformer.h"
#include "runtime/cost_history.h"

namespace ragdraft::runtime {

using Model = model::Transformer;

struct ModelSequence {
  ModelSequence(std::shared_ptr<Model> model, std::unique_ptr<kv::Sequence> sequence, ops::Precision precision,
                std::shared_ptr<CostHistory> history = std::make_shared<CostHistory>())
      : model(std::move(model)), sequence(std::move(sequence)), precision(precision), history(std::move(history)) {}

  // Throws kContextOverflow unless so many tokens more fit.
  void check_capacity(size_t tokens) const {
    const int length = sequence->length(), most = sequence->max_tokens();
    if (tokens <= size_t(most - length)) return;
    throw Error(Code::kContextOverflow, std::to_string(tokens) + " tokens do not fit: the sequence holds " + std::to_string(length) +
                                            " of at most " + std::to_string(most));
  }

  const std::shared_ptr<Model> model;  // declared first: pages die before the backend that owns their memory
  const std::unique_ptr<kv::Sequence> sequence;
  const ops::Precision precision;              // of every pass over the sequence
  const std::shared_ptr<CostHistory> history;  // of answers from this sequence and its forks
  std::atomic<bool> busy{false};               // a job or a call uses the sequence
};

// Exclusive use of a sequence for the lifetime of the lease.
class Lease {
 public:
  explicit Lease(std::shared_ptr<ModelSequence> sequence) : sequence_(std::move(sequence)) {
    if (sequence_ && sequence_->busy.exchange(true)) throw Error(Code::kBusy, "the sequence is in use by another request");
  }
  ~Lease() { release(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // Early end: before a result is announced, so that the announced-to may use the sequence at once.
  void release() {
    if (sequence_) sequence_->busy.store(false);
    sequence_ = nullptr;
  }
  ModelSequence* operator->() const { return sequence_.get(); }
  explicit operator bool() const { return sequence_ != nullptr; }

 private:
  std::shared_ptr<ModelSequence> sequence_;
};

}  // namespace ragdraft::runtime
