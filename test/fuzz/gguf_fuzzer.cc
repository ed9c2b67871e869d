// libFuzzer target: whatever the bytes, GgufFile::parse returns a file that can be walked, or throws one of its typed errors.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "io/gguf/gguf.h"

namespace {

using ragdraft::Code;
using ragdraft::io::GgufFile;
using ragdraft::io::MetaArray;

volatile size_t sink;

void touch(std::string_view text) {
  size_t sum = 0;
  for (const char c : text) sum += static_cast<unsigned char>(c);
  sink = sink + sum;
}

void touch(const MetaArray& array) {
  sink = sink + array.size();
  if (const auto* strings = array.as<std::string_view>()) {
    for (const std::string_view text : *strings) touch(text);
  } else if (const auto* arrays = array.as<MetaArray>()) {
    for (const MetaArray& nested : *arrays) touch(nested);
  }
}

void touch(const GgufFile& file) {
  for (const auto& [key, value] : file.metadata()) {
    if (file.find(key) != &value) std::abort();
    if (const auto* text = std::get_if<std::string_view>(&value.value)) touch(*text);
    if (const auto* array = std::get_if<MetaArray>(&value.value)) touch(*array);
  }
  for (const auto& tensor : file.tensors()) {
    if (file.tensor(tensor.name) != &tensor || tensor.bytes == 0) std::abort();
    sink = sink + size_t(tensor.data[0]) + size_t(tensor.data[tensor.bytes - 1]);
    try {
      const auto matrix = as_matrix(tensor);
      if (ragdraft::formats::row_bytes(matrix.type, matrix.columns) * size_t(matrix.rows) != tensor.bytes) std::abort();
    } catch (const ragdraft::Error& error) {
      if (error.code() != Code::kUnsupportedModel) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    touch(*GgufFile::parse(reinterpret_cast<const std::byte*>(data), size));
  } catch (const ragdraft::Error& error) {
    if (error.code() != Code::kInvalidModel && error.code() != Code::kUnsupportedModel) std::abort();
  }
  return 0;
}
