#include "addon/arguments.h"

namespace ragdraft::addon {

Napi::Error to_js(Napi::Env env, const Error& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", Napi::String::New(env, std::string(code_name(error.code()))));
  return result;
}

void throw_invalid(Napi::Env env, const std::string& message) { throw to_js(env, Error(Code::kInvalidArgument, message)); }

bool boolean_argument(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) throw_invalid(value.Env(), std::string(name) + " must be true or false");
  return value.As<Napi::Boolean>().Value();
}

std::string string_argument(const Napi::Value& value, const char* name) {
  if (!value.IsString()) throw_invalid(value.Env(), std::string(name) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object object_argument(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw_invalid(value.Env(), std::string(name) + " must be an object");
  return value.As<Napi::Object>();
}

Napi::Function function_argument(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) throw_invalid(value.Env(), std::string(name) + " must be a function");
  return value.As<Napi::Function>();
}

double number_argument(const Napi::Value& value, const char* name, double low, double high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= low && number <= high)) {
    throw_invalid(value.Env(), std::string(name) + " must be a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return number;
}

int integer_argument(const Napi::Value& value, const char* name, int low, int high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= low && number <= high && number == std::floor(number))) {
    throw_invalid(value.Env(), std::string(name) + " must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return int(number);
}

uint64_t bigint_argument(const Napi::Value& value, const char* name) {
  bool lossless = false;
  const uint64_t number = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) throw_invalid(value.Env(), std::string(name) + " must be a bigint from 0 to 2^64 - 1");
  return number;
}

std::vector<TokenId> tokens_argument(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw_invalid(value.Env(), std::string(name) + " must be an Int32Array");
  }
  const auto array = value.As<Napi::Int32Array>();
  const size_t length = array.ElementLength();
  if (length == 0) return {};
  return {array.Data(), array.Data() + length};
}

ops::Precision precision_argument(const Napi::Value& value) {
  if (value.IsUndefined()) return ops::Precision::kFull;
  const std::string name = string_argument(value, "precision");
  if (name == "full") return ops::Precision::kFull;
  if (name == "draft") return ops::Precision::kDraft;
  throw_invalid(value.Env(), "precision must be 'full' or 'draft'");
}

}  // namespace ragdraft::addon
