// The way from the engine thread back to JavaScript: messages that run, in order, on the JavaScript thread.
#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

namespace ragdraft::addon {

// Holds the callbacks of one request. Keeps the event loop alive until it is dropped. When the environment goes away first
// (a Worker is terminated), messages are dropped unread.
class Channel {
 public:
  // What runs on the JavaScript thread; callbacks are in the order they were given.
  using Message = std::function<void(Napi::Env, const std::vector<Napi::FunctionReference>& callbacks)>;

  // JavaScript thread.
  Channel(Napi::Env env, const char* name, std::initializer_list<Napi::Function> callbacks);
  // Any thread, as the rest.
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  void post(Message message);

 private:
  struct Context {
    std::vector<Napi::FunctionReference> callbacks;
  };
  static void deliver(Napi::Env env, Napi::Function, Context* context, Message* message);
  using Function = Napi::TypedThreadSafeFunction<Context, Message, &Channel::deliver>;
  Function function_;
};

}  // namespace ragdraft::addon
