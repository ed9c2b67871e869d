#include "addon/gguf_object.h"

#include "formats/dtype.h"

namespace ragdraft::addon {
namespace {

Napi::Value to_value(Napi::Env env, int64_t number) { return Napi::Number::New(env, double(number)); }
Napi::Value to_value(Napi::Env env, double number) { return Napi::Number::New(env, number); }
Napi::Value to_value(Napi::Env env, bool flag) { return Napi::Boolean::New(env, flag); }
Napi::Value to_value(Napi::Env env, std::string_view text) { return Napi::String::New(env, text.data(), text.size()); }
Napi::Value to_value(Napi::Env env, const io::MetaArray& array) {
  Napi::Array result = Napi::Array::New(env, array.size());
  std::visit(
      [&](const auto& elements) {
        uint32_t i = 0;
        for (const auto& element : elements) {
          const Napi::HandleScope scope(env);  // a vocabulary has 10^5 elements
          result.Set(i++, to_value(env, element));
        }
      },
      array.values);
  return result;
}

}  // namespace

Napi::Object gguf_object(Napi::Env env, const io::GgufFile& file) {
  Napi::Object metadata = Napi::Object::New(env);
  for (const auto& [key, value] : file.metadata()) {
    metadata.Set(std::string(key), std::visit([&](const auto& v) { return to_value(env, v); }, value.value));
  }
  Napi::Array tensors = Napi::Array::New(env, file.tensors().size());
  uint32_t i = 0;
  for (const io::TensorInfo& tensor : file.tensors()) {
    const Napi::HandleScope scope(env);
    Napi::Object o = Napi::Object::New(env);
    Napi::Array shape = Napi::Array::New(env, tensor.shape.size());
    for (size_t d = 0; d < tensor.shape.size(); d++) shape.Set(uint32_t(d), double(tensor.shape[d]));
    o.Set("name", tensor.name);
    o.Set("shape", shape);
    o.Set("type", formats::is_supported(tensor.type_id) ? std::string(formats::info(formats::DType(tensor.type_id)).name)
                                                       : "type " + std::to_string(tensor.type_id));
    o.Set("bytes", double(tensor.bytes));
    tensors.Set(i++, o);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", double(file.version()));
  result.Set("fileBytes", double(file.file_bytes()));
  result.Set("metadata", metadata);
  result.Set("tensors", tensors);
  return result;
}

}  // namespace ragdraft::addon
