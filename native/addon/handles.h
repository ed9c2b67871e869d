// What JavaScript holds of models and sequences. The handle is JavaScript's, the memory is shared_ptr's: a garbage-collected
// or closed handle never takes memory away from a running request.
#pragma once
#include <napi.h>

#include <memory>

#include "runtime/model_sequence.h"

namespace ragdraft::addon {

class Addon;

class ModelHandle final : public Napi::ObjectWrap<ModelHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ModelHandle(const Napi::CallbackInfo& info);
  ~ModelHandle() override;
  // The model; throws ERR_INVALID_ARGUMENT if `value` is no model, ERR_CLOSED.
  static std::shared_ptr<runtime::Model> get(const Napi::Value& value, const char* name);

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value create_sequence(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  Napi::Value closed(const Napi::CallbackInfo& info);
  void drop(Napi::Env env);

  std::shared_ptr<runtime::Model> model_;
};

class SequenceHandle final : public Napi::ObjectWrap<SequenceHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit SequenceHandle(const Napi::CallbackInfo& info);
  // The sequence; throws ERR_INVALID_ARGUMENT if `value` is no sequence, ERR_CLOSED.
  static std::shared_ptr<runtime::ModelSequence> get(const Napi::Value& value, const char* name);

 private:
  Napi::Value length(const Napi::CallbackInfo& info);
  Napi::Value context_tokens(const Napi::CallbackInfo& info);
  Napi::Value kv_bytes(const Napi::CallbackInfo& info);
  Napi::Value fork(const Napi::CallbackInfo& info);
  void truncate(const Napi::CallbackInfo& info);
  void repeat(const Napi::CallbackInfo& info);
  Napi::Value fingerprint(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  Napi::Value closed(const Napi::CallbackInfo& info);

  std::shared_ptr<runtime::ModelSequence> sequence_;
};

// The handle classes of one environment.
struct HandleClasses {
  Napi::FunctionReference model, sequence;
};
// New handles that share ownership. JavaScript thread.
Napi::Value wrap_model(Napi::Env env, std::shared_ptr<runtime::Model> model);
Napi::Value wrap_sequence(Napi::Env env, std::shared_ptr<runtime::ModelSequence> sequence);

}  // namespace ragdraft::addon
