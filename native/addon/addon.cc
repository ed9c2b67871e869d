#include "addon/addon.h"

#include <mutex>

#include "addon/arguments.h"
#include "addon/channel.h"
#include "addon/generate_request.h"
#include "addon/gguf_object.h"
#include "ops/cuda/module_loader.h"

namespace ragdraft::addon {
namespace {

// Reports a job's end to the callback at `index`: (error | null, result | undefined). `wrap` makes the JavaScript result.
template <class T, class Wrap>
runtime::Done<T> report(std::shared_ptr<Channel> channel, size_t index, Wrap wrap) {
  // The job keeps the channel; dropping it here, after the last message, lets the event loop end.
  return [channel = std::move(channel), index, wrap](const Error* error, T result) mutable {
    std::shared_ptr<const Error> copy = error ? std::make_shared<const Error>(*error) : nullptr;
    channel->post([copy, index, wrap, result = std::make_shared<T>(std::move(result))](Napi::Env env, const auto& callbacks) {
      const Napi::Value problem = copy ? to_js(env, *copy).Value() : env.Null();
      callbacks[index].Call({problem, wrap(env, *result, copy != nullptr)});
    });
    channel = nullptr;
  };
}

runtime::Progress progress(std::shared_ptr<Channel> channel, size_t index) {
  return [channel = std::move(channel), index](int64_t processed, int64_t total) {
    channel->post([=](Napi::Env env, const auto& callbacks) {
      callbacks[index].Call({Napi::Number::New(env, double(processed)), Napi::Number::New(env, double(total))});
    });
  };
}

}  // namespace

Addon::Addon(Napi::Env env, Napi::Object exports) : env_(env) {
  classes_.model = Napi::Persistent(ModelHandle::define(env));
  classes_.sequence = Napi::Persistent(SequenceHandle::define(env));
  Napi::Array isas = Napi::Array::New(env);
  for (const std::string& isa : ops::cpu_isas()) isas.Set(isas.Length(), isa);
  Napi::Object constants = Napi::Object::New(env);
  constants.Set("pageTokens", kPageTokens);
  constants.Set("maxDraftLength", kMaxVerifyRows - 1);
  constants.Set("maxEvaluatedRows", runtime::kMaxEvaluatedRows);
  constants.Set("prefillTokens", model::Transformer::kMaxRows);
  DefineAddon(exports, {InstanceValue("isas", isas), InstanceValue("constants", constants), InstanceMethod("shareCudaReport", &Addon::share_cuda_report),
                        InstanceMethod("readGguf", &Addon::read_gguf), InstanceMethod("loadModel", &Addon::load_model),
                        InstanceMethod("prefill", &Addon::prefill), InstanceMethod("generate", &Addon::generate),
                        InstanceMethod("evaluate", &Addon::evaluate)});
  // No thread of ours may outlive the environment: Node may unload this library after a Worker ends.
  napi_add_env_cleanup_hook(env_, &Addon::end_environment, this);
}

Addon::~Addon() {
  // Deno ends the process when a hook is removed that has run.
  if (hooked_) napi_remove_env_cleanup_hook(env_, &Addon::end_environment, this);
}

void Addon::end_environment(void* addon) {
  auto* const self = static_cast<Addon*>(addon);
  self->hooked_ = false;
  self->engine_.stop();
}

Napi::Value Addon::submit(Napi::Env env, std::shared_ptr<runtime::Job> job) {
  engine_.submit(job);
  return Napi::Function::New(env, [weak = std::weak_ptr(job)](const Napi::CallbackInfo&) {
    if (const auto job = weak.lock()) job->cancel();
  }, "cancel");
}

Napi::Value Addon::share_cuda_report(const Napi::CallbackInfo& info) {
  static std::mutex mutex;
  static std::string report;
  const std::lock_guard lock(mutex);
  if (!info[0].IsUndefined()) report = string_argument(info[0], "report");
  return Napi::String::New(info.Env(), report);
}

Napi::Value Addon::read_gguf(const Napi::CallbackInfo& info) {
  const std::string path = string_argument(info[0], "path");
  auto channel = std::make_shared<Channel>(info.Env(), "ragdraft:read-gguf", std::initializer_list{function_argument(info[1], "onDone")});
  return submit(info.Env(), runtime::read_gguf_job(path, report<runtime::GgufPtr>(channel, 0, [](Napi::Env env, const runtime::GgufPtr& file, bool failed) {
                  return failed ? env.Undefined() : Napi::Value(gguf_object(env, *file));
                })));
}

// Arguments are checked at once.
runtime::MakeBackend Addon::cpu_backend(int threads, const std::string& isa) {
  return [backend = engine_.cpu_backend(threads, isa)] { return backend; };
}

runtime::MakeBackend Addon::cuda_backend(const std::string& module, int device) {
  return [this, module, device] {
    const ops::cuda::LoadedModule& loaded = ops::cuda::load_module(module);
    if (device >= loaded.devices)
      throw Error(Code::kDeviceUnavailable, loaded.reason.empty() ? "there is no GPU " + std::to_string(device) : loaded.reason);
    return engine_.cuda_backend(*loaded.api, device);
  };
}

Napi::Value Addon::load_model(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = string_argument(info[0], "path");
  const Napi::Object options = object_argument(info[1], "options");
  const int threads = integer_argument(options.Get("threads"), "threads", 0, 256);
  const std::string isa = string_argument(options.Get("isa"), "isa");
  const Napi::Value gpu = options.Get("gpu");
  int device = -1;
  std::string module;
  if (!gpu.IsUndefined()) {
    const Napi::Object choice = object_argument(gpu, "gpu");
    device = integer_argument(choice.Get("index"), "gpu.index", 0, 1023);
    module = string_argument(choice.Get("module"), "gpu.module");
    if (module.find('\0') != std::string::npos) throw_invalid(env, "gpu.module must be a path without NUL");
  }
  const Napi::Value cache = options.Get("weightsCache");
  const model::LoadOptions load{boolean_argument(options.Get("draftCopy"), "draftCopy"), cache.IsUndefined() ? "" : string_argument(cache, "weightsCache")};
  if (load.cache_folder.find('\0') != std::string::npos) throw_invalid(env, "weightsCache must be a path without NUL");
  auto channel = std::make_shared<Channel>(env, "ragdraft:load-model",
                                           std::initializer_list{function_argument(info[2], "onProgress"), function_argument(info[3], "onDone")});
  const runtime::MakeBackend backend = guarded(env, [&] { return device < 0 ? cpu_backend(threads, isa) : cuda_backend(module, device); });
  return submit(env, runtime::load_model_job(path, backend, load, progress(channel, 0),
                                            report<std::shared_ptr<runtime::Model>>(channel, 1, [](Napi::Env env, const std::shared_ptr<runtime::Model>& model, bool failed) {
                                              return failed ? env.Undefined() : wrap_model(env, model);
                                            })));
}

Napi::Value Addon::prefill(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::shared_ptr<runtime::ModelSequence> sequence = SequenceHandle::get(info[0], "sequence");
  std::vector<TokenId> tokens = tokens_argument(info[1], "tokens");
  auto channel = std::make_shared<Channel>(env, "ragdraft:prefill",
                                           std::initializer_list{function_argument(info[2], "onProgress"), function_argument(info[3], "onDone")});
  auto done = report<std::monostate>(channel, 1, [](Napi::Env env, std::monostate, bool) { return env.Undefined(); });
  return guarded(env, [&] { return submit(env, runtime::prefill_job(std::move(sequence), std::move(tokens), progress(channel, 0), std::move(done))); });
}

Napi::Value Addon::generate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  runtime::GenerateRequest request = generate_request(info[0]);
  auto channel =
      std::make_shared<Channel>(env, "ragdraft:generate", std::initializer_list{function_argument(info[1], "onTokens"), function_argument(info[2], "onDone")});
  auto on_tokens = [channel](std::vector<TokenId> tokens) {
    channel->post([tokens = std::move(tokens)](Napi::Env env, const auto& callbacks) {
      Napi::Int32Array array = Napi::Int32Array::New(env, tokens.size());
      std::copy(tokens.begin(), tokens.end(), array.Data());
      callbacks[0].Call({array});
    });
  };
  auto done = report<runtime::Generated>(channel, 1, [](Napi::Env env, const runtime::Generated& result, bool) -> Napi::Value { return stats_object(env, result); });
  return guarded(env, [&] { return submit(env, runtime::generate_job(std::move(request), std::move(on_tokens), std::move(done))); });
}

Napi::Value Addon::evaluate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::shared_ptr<runtime::ModelSequence> sequence = SequenceHandle::get(info[0], "sequence");
  std::vector<TokenId> tokens = tokens_argument(info[1], "tokens");
  const int rows = integer_argument(info[2], "rows", 0, runtime::kMaxEvaluatedRows);
  auto channel = std::make_shared<Channel>(env, "ragdraft:evaluate", std::initializer_list{function_argument(info[3], "onDone")});
  auto done = report<std::vector<float>>(channel, 0, [](Napi::Env env, const std::vector<float>& logits, bool failed) -> Napi::Value {
    if (failed) return env.Undefined();
    Napi::Float32Array array = Napi::Float32Array::New(env, logits.size());
    std::copy(logits.begin(), logits.end(), array.Data());
    return array;
  });
  return guarded(env, [&] { return submit(env, runtime::evaluate_job(std::move(sequence), std::move(tokens), rows, std::move(done))); });
}

}  // namespace ragdraft::addon

using ragdraft::addon::Addon;
NODE_API_ADDON(Addon)
