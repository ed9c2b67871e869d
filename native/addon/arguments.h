// Checked reading of JavaScript arguments: whatever is passed, the outcome is a value or a JavaScript exception with a code.
#pragma once
#include <napi.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/types.h"
#include "ops/backend.h"

namespace ragdraft::addon {

// A JavaScript Error whose `code` is the error's stable code.
Napi::Error to_js(Napi::Env env, const Error& error);
[[noreturn]] void throw_invalid(Napi::Env env, const std::string& message);  // ERR_INVALID_ARGUMENT

// Runs `body`, turning ragdraft::Error and allocation failures into JavaScript exceptions.
template <class Body>
auto guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw to_js(env, error);
  } catch (const std::bad_alloc&) {
    throw to_js(env, Error(Code::kOutOfMemory, "out of memory"));
  }
}

// All of these throw ERR_INVALID_ARGUMENT; `name` is what the message calls the argument. JavaScript thread.
bool boolean_argument(const Napi::Value& value, const char* name);
std::string string_argument(const Napi::Value& value, const char* name);
Napi::Object object_argument(const Napi::Value& value, const char* name);
Napi::Function function_argument(const Napi::Value& value, const char* name);
// A finite number within [low, high].
double number_argument(const Napi::Value& value, const char* name, double low, double high);
// An integer within [low, high].
int integer_argument(const Napi::Value& value, const char* name, int low, int high);
// A BigInt of 0 to 2^64 - 1.
uint64_t bigint_argument(const Napi::Value& value, const char* name);
// An Int32Array. A copy: the array may be detached while a thread of ours reads.
std::vector<TokenId> tokens_argument(const Napi::Value& value, const char* name);
// 'full', 'draft', or undefined for 'full'.
ops::Precision precision_argument(const Napi::Value& value);

}  // namespace ragdraft::addon
