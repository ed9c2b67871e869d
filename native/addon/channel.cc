#include "addon/channel.h"

namespace ragdraft::addon {

Channel::Channel(Napi::Env env, const char* name, std::initializer_list<Napi::Function> callbacks) {
  auto context = std::make_unique<Context>();
  for (const Napi::Function& callback : callbacks) context->callbacks.push_back(Napi::Persistent(callback));
  // Queue size 0 = unbounded: with a bounded queue the engine would wait for a JavaScript thread that waits for the engine.
  function_ = Function::New(env, name, 0, 1, context.get(), [](Napi::Env, void*, Context* c) { delete c; }, static_cast<void*>(nullptr));
  context.release();
}

Channel::~Channel() { function_.Release(); }

void Channel::post(Message message) {
  auto owned = std::make_unique<Message>(std::move(message));
  if (function_.BlockingCall(owned.get()) == napi_ok) owned.release();  // else the environment is closing and it stays ours
}

void Channel::deliver(Napi::Env env, Napi::Function, Context* context, Message* message) {
  const std::unique_ptr<Message> owned(message);
  if (static_cast<napi_env>(env) == nullptr) return;  // environment teardown: only free
  const Napi::HandleScope scope(env);
  try {
    (*owned)(env, context->callbacks);
  } catch (const Napi::Error& error) {
    // A callback of ours threw, or the Worker is being terminated (then there is nothing to report it to).
    const Napi::Value value = error.Value();
    if (!value.IsEmpty()) napi_fatal_exception(env, value);
  }
}

}  // namespace ragdraft::addon
