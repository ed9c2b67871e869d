// What JavaScript handles stand for: a model, and a sequence of it. Shared between handles and running jobs.
#pragma once
#include <atomic>
#include <memory>

#include "base/error.h"
#include "runtime/cost_history.h"
#include "kv/sequence.h"
#include "model/transformer.h"

namespace ragdraft::runtime {

using Model = model::Transformer;

struct Session {
  Session(std::shared_ptr<Model> model, std::unique_ptr<kv::Sequence> sequence, ops::Precision precision,
          std::shared_ptr<CostHistory> history = std::make_shared<CostHistory>())
      : model(std::move(model)), sequence(std::move(sequence)), precision(precision), history(std::move(history)) {}
  const std::shared_ptr<Model> model;  // declared first: pages die before the backend that owns their memory
  const std::unique_ptr<kv::Sequence> sequence;
  const ops::Precision precision;  // of every pass over the sequence
  const std::shared_ptr<CostHistory> history;  // of answers from this sequence and its forks
  std::atomic<bool> busy{false};   // a job or a call uses the sequence
};

// Exclusive use of a session for the lifetime of the lease.
class Lease {
 public:
  explicit Lease(std::shared_ptr<Session> session) : session_(std::move(session)) {
    if (session_ && session_->busy.exchange(true)) throw Error(Code::kBusy, "the sequence is in use by another request");
  }
  ~Lease() { release(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // Early end: before a result is announced, so that the announced-to may use the sequence at once.
  void release() {
    if (session_) session_->busy.store(false);
    session_ = nullptr;
  }
  Session* operator->() const { return session_.get(); }
  explicit operator bool() const { return session_ != nullptr; }

 private:
  std::shared_ptr<Session> session_;
};

}  // namespace ragdraft::runtime
