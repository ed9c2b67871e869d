#include "addon/handles.h"

#include <cinttypes>
#include <cstdio>

#include "addon/addon.h"
#include "addon/arguments.h"
#include "base/thread_pool.h"

namespace ragdraft::addon {
namespace {

// Random: tells our objects from anything else that JavaScript may pass.
constexpr napi_type_tag kModelTag = {0x1b6f0a4c52d94e7dULL, 0x9c3371e0a85fb264ULL};
constexpr napi_type_tag kSequenceTag = {0x7e02c95d16b84af3ULL, 0xb1d84f6a093ce527ULL};

template <class Handle>
Handle* unwrap(const Napi::Value& value, const napi_type_tag& tag, const char* name, const char* what) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag)) {
    throw_invalid(value.Env(), std::string(name) + " must be a " + what);
  }
  return Handle::Unwrap(value.As<Napi::Object>());
}

template <class T>
T& constructor_payload(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsExternal()) throw_invalid(info.Env(), "this class cannot be constructed from JavaScript");
  return *info[0].As<Napi::External<T>>().Data();
}

kv::KvType kv_type_argument(const Napi::Value& value) {
  const std::string name = string_argument(value, "kv");
  if (name == "f16") return kv::KvType::kF16;
  if (name == "bf16") return kv::KvType::kBF16;
  if (name == "f32") return kv::KvType::kF32;
  if (name == "q8") return kv::KvType::kQ8;
  throw_invalid(value.Env(), "kv must be 'f16', 'bf16', 'f32' or 'q8'");
}

}  // namespace

Napi::Value wrap_model(Napi::Env env, std::shared_ptr<runtime::Model> model) {
  return Addon::of(env).classes().model.New({Napi::External<std::shared_ptr<runtime::Model>>::New(env, &model)});
}

Napi::Value wrap_sequence(Napi::Env env, std::shared_ptr<runtime::ModelSequence> sequence) {
  return Addon::of(env).classes().sequence.New({Napi::External<std::shared_ptr<runtime::ModelSequence>>::New(env, &sequence)});
}

// ---- ModelHandle -------------------------------------------------------------------------------------------------------

Napi::Function ModelHandle::define(Napi::Env env) {
  return DefineClass(env, "NativeModel",
                     {InstanceAccessor<&ModelHandle::info>("info"), InstanceMethod<&ModelHandle::create_sequence>("createSequence"),
                      InstanceMethod<&ModelHandle::close>("close"), InstanceAccessor<&ModelHandle::closed>("closed")});
}

namespace {

// What the garbage collector is to know of: memory of a device is not the process's.
int64_t host_bytes(const runtime::Model& model) {
  return model.backend().memory()->is_host() ? model.weight_bytes() + model.copy_bytes() : 0;
}

}  // namespace

ModelHandle::ModelHandle(const Napi::CallbackInfo& info) : ObjectWrap(info), model_(constructor_payload<std::shared_ptr<runtime::Model>>(info)) {
  Value().TypeTag(&kModelTag);
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), host_bytes(*model_));
}

ModelHandle::~ModelHandle() { drop(Env()); }

void ModelHandle::drop(Napi::Env env) {
  if (!model_) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, -host_bytes(*model_));
  model_ = nullptr;
}

std::shared_ptr<runtime::Model> ModelHandle::get(const Napi::Value& value, const char* name) {
  const auto* handle = unwrap<ModelHandle>(value, kModelTag, name, "model");
  if (!handle->model_) throw to_js(value.Env(), Error(Code::kClosed, "the model is closed"));
  return handle->model_;
}

namespace {

const char* state_name(model::CacheReport::State state) {
  switch (state) {
    case model::CacheReport::State::kOff: return "off";
    case model::CacheReport::State::kUsed: return "used";
    case model::CacheReport::State::kStored: return "stored";
    case model::CacheReport::State::kUnavailable: return "unavailable";
  }
  return "off";
}

Napi::Object cache_object(Napi::Env env, const model::CacheReport& report) {
  Napi::Object o = Napi::Object::New(env);
  o.Set("state", state_name(report.state));
  o.Set("path", report.path);
  o.Set("reason", report.reason);
  return o;
}

Napi::Object gpu_object(Napi::Env env, const ops::DeviceDescription& device) {
  Napi::Object o = Napi::Object::New(env);
  o.Set("index", device.index);
  o.Set("name", device.name);
  o.Set("totalBytes", double(device.total_bytes));
  return o;
}

}  // namespace

Napi::Value ModelHandle::info(const Napi::CallbackInfo& info) {
  const std::shared_ptr<runtime::Model> model = get(info.This(), "this");
  const model::Config& c = model->config();
  Napi::Object o = Napi::Object::New(info.Env());
  o.Set("architecture", c.architecture);
  o.Set("layers", c.layers);
  o.Set("embedding", c.embedding);
  o.Set("heads", c.heads);
  o.Set("kvHeads", c.kv_heads);
  o.Set("headDim", c.head_dim);
  o.Set("feedForward", c.feed_forward);
  o.Set("vocab", c.vocab);
  o.Set("contextLength", c.context_length);
  o.Set("weightBytes", double(model->weight_bytes()));
  o.Set("draftWeightBytes", double(model->draft_bytes()));
  o.Set("draftCopyBytes", double(model->copy_bytes()));
  o.Set("backend", model->backend().name());
  if (const ops::DeviceDescription* device = model->backend().device()) o.Set("gpu", gpu_object(info.Env(), *device));
  o.Set("threads", model->backend().threads());
  o.Set("kv", model->backend().preferred_kv() == kv::KvType::kBF16 ? "bf16" : "f16");
  o.Set("weightsCache", cache_object(info.Env(), model->weights_cache()));
  return o;
}

Napi::Value ModelHandle::create_sequence(const Napi::CallbackInfo& info) {
  const std::shared_ptr<runtime::Model> model = get(info.This(), "this");
  const Napi::Object options = object_argument(info[0], "options");
  const int tokens = integer_argument(options.Get("contextTokens"), "contextTokens", 1, 1 << 30);
  const kv::KvType type = kv_type_argument(options.Get("kv"));
  const ops::Precision precision = precision_argument(options.Get("precision"));
  return guarded(info.Env(), [&] {
    auto sequence = std::make_unique<kv::Sequence>(model->cache(type), tokens);
    return wrap_sequence(info.Env(), std::make_shared<runtime::ModelSequence>(model, std::move(sequence), precision));
  });
}

void ModelHandle::close(const Napi::CallbackInfo& info) { unwrap<ModelHandle>(info.This(), kModelTag, "this", "model")->drop(info.Env()); }

Napi::Value ModelHandle::closed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), unwrap<ModelHandle>(info.This(), kModelTag, "this", "model")->model_ == nullptr);
}

// ---- SequenceHandle ----------------------------------------------------------------------------------------------------

Napi::Function SequenceHandle::define(Napi::Env env) {
  return DefineClass(env, "NativeSequence",
                     {InstanceAccessor<&SequenceHandle::length>("length"), InstanceAccessor<&SequenceHandle::context_tokens>("contextTokens"),
                      InstanceAccessor<&SequenceHandle::kv_bytes>("kvBytes"), InstanceMethod<&SequenceHandle::fork>("fork"),
                      InstanceMethod<&SequenceHandle::truncate>("truncate"), InstanceMethod<&SequenceHandle::repeat>("repeat"),
                      InstanceMethod<&SequenceHandle::fingerprint>("fingerprint"),
                      InstanceMethod<&SequenceHandle::close>("close"), InstanceAccessor<&SequenceHandle::closed>("closed")});
}

SequenceHandle::SequenceHandle(const Napi::CallbackInfo& info)
    : ObjectWrap(info), sequence_(constructor_payload<std::shared_ptr<runtime::ModelSequence>>(info)) {
  Value().TypeTag(&kSequenceTag);
}

std::shared_ptr<runtime::ModelSequence> SequenceHandle::get(const Napi::Value& value, const char* name) {
  const auto* handle = unwrap<SequenceHandle>(value, kSequenceTag, name, "sequence");
  if (!handle->sequence_) throw to_js(value.Env(), Error(Code::kClosed, "the sequence is closed"));
  return handle->sequence_;
}

Napi::Value SequenceHandle::length(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return Napi::Number::New(info.Env(), runtime::Lease(get(info.This(), "this"))->sequence->length()); });
}

Napi::Value SequenceHandle::context_tokens(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), get(info.This(), "this")->sequence->max_tokens());
}

Napi::Value SequenceHandle::kv_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return Napi::Number::New(info.Env(), double(runtime::Lease(get(info.This(), "this"))->sequence->bytes())); });
}

Napi::Value SequenceHandle::fork(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const runtime::Lease lease(get(info.This(), "this"));
    auto forked = std::make_shared<runtime::ModelSequence>(lease->model, lease->sequence->fork(), lease->precision, lease->history);
    return wrap_sequence(info.Env(), std::move(forked));
  });
}

void SequenceHandle::truncate(const Napi::CallbackInfo& info) {
  const int length = integer_argument(info[0], "length", 0, 1 << 30);
  guarded(info.Env(), [&] { runtime::Lease(get(info.This(), "this"))->sequence->truncate(length); });
}

void SequenceHandle::repeat(const Napi::CallbackInfo& info) {
  const int length = integer_argument(info[0], "length", 0, 1 << 30);
  guarded(info.Env(), [&] { runtime::Lease(get(info.This(), "this"))->sequence->repeat(length); });
}

Napi::Value SequenceHandle::fingerprint(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    char text[17];
    std::snprintf(text, sizeof text, "%016" PRIx64, runtime::Lease(get(info.This(), "this"))->sequence->fingerprint());
    return Napi::String::New(info.Env(), text);
  });
}

void SequenceHandle::close(const Napi::CallbackInfo& info) {
  unwrap<SequenceHandle>(info.This(), kSequenceTag, "this", "sequence")->sequence_ = nullptr;
}

Napi::Value SequenceHandle::closed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), unwrap<SequenceHandle>(info.This(), kSequenceTag, "this", "sequence")->sequence_ == nullptr);
}

}  // namespace ragdraft::addon
