// The module: one instance for each environment (main thread, each Worker), with its own engine. See lib/runtime/binding.ts.
#pragma once
#include <napi.h>

#include "addon/handles.h"
#include "runtime/engine.h"
#include "runtime/jobs/jobs.h"

namespace ragdraft::addon {

class Addon final : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports);
  ~Addon();
  static Addon& of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }
  const HandleClasses& classes() const { return classes_; }

 private:
  Napi::Value share_cuda_report(const Napi::CallbackInfo& info);
  Napi::Value read_gguf(const Napi::CallbackInfo& info);
  Napi::Value load_model(const Napi::CallbackInfo& info);
  Napi::Value prefill(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  runtime::MakeBackend cpu_backend(int threads, const std::string& isa);
  runtime::MakeBackend cuda_backend(const std::string& module, int device);
  // Queues the job; returns its cancel function.
  Napi::Value submit(Napi::Env env, std::shared_ptr<runtime::Job> job);

  static void end_environment(void* addon);

  napi_env env_;
  bool hooked_ = true;  // end_environment() has not run
  HandleClasses classes_;
  runtime::Engine engine_;
};

}  // namespace ragdraft::addon
