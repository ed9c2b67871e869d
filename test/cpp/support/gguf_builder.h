// Bytes of a GGUF file, valid unless told otherwise: for tests of the reader and of what is built on it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gguf_test {

using Bytes = std::vector<std::byte>;

// Value type ids of the format.
enum ValueType : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

// Appends little-endian values; the hosts of the tests are little-endian.
class Writer {
 public:
  template <class T>
  Writer& put(T value) {
    return raw(std::as_bytes(std::span(&value, 1)));
  }
  Writer& text(std::string_view value) {
    put(uint64_t(value.size()));
    return raw(std::as_bytes(std::span(value)));
  }
  Writer& raw(std::span<const std::byte> more) {
    const size_t end = bytes.size();
    bytes.resize(end + more.size());  // GCC 12 takes vector::insert for an overflow
    if (!more.empty()) std::memcpy(bytes.data() + end, more.data(), more.size());
    return *this;
  }
  Writer& pad_to(size_t alignment) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return *this;
  }

  Bytes bytes;
};

class Builder {
 public:
  // Header fields, for files that lie.
  uint32_t magic = 0x46554747, version = 3;
  std::optional<uint64_t> tensor_count, entry_count;
  // Alignment of the tensor data; a test that sets general.alignment sets this too.
  size_t alignment = 32;

  // Any metadata value: type id and the bytes that follow it.
  Builder& entry(std::string_view key, uint32_t type, const Writer& value) {
    metadata_.text(key).put(type).raw(value.bytes);
    entries_++;
    return *this;
  }
  Builder& u16(std::string_view key, uint16_t value) { return entry(key, kU16, Writer().put(value)); }
  Builder& u32(std::string_view key, uint32_t value) { return entry(key, kU32, Writer().put(value)); }
  Builder& i32(std::string_view key, int32_t value) { return entry(key, kI32, Writer().put(value)); }
  Builder& f32(std::string_view key, float value) { return entry(key, kF32, Writer().put(value)); }
  Builder& boolean(std::string_view key, bool value) { return entry(key, kBool, Writer().put(uint8_t(value))); }
  Builder& string(std::string_view key, std::string_view value) { return entry(key, kString, Writer().text(value)); }
  Builder& strings(std::string_view key, const std::vector<std::string>& values) {
    Writer array;
    array.put(uint32_t(kString)).put(uint64_t(values.size()));
    for (const std::string& value : values) array.text(value);
    return entry(key, kArray, array);
  }
  template <class T>
  Builder& numbers(std::string_view key, ValueType type, const std::vector<T>& values) {
    Writer array;
    array.put(uint32_t(type)).put(uint64_t(values.size()));
    for (const T value : values) array.put(value);
    return entry(key, kArray, array);
  }

  // A tensor whose data follow those of the tensor before it.
  Builder& tensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type, const Bytes& data) {
    data_.pad_to(alignment);
    tensor_at(name, shape, type, data_.bytes.size());
    data_.raw(data);
    return *this;
  }
  // A line of the tensor directory alone.
  Builder& tensor_at(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type, uint64_t offset) {
    directory_.text(name).put(uint32_t(shape.size()));
    for (const uint64_t extent : shape) directory_.put(extent);
    directory_.put(type).put(offset);
    tensors_++;
    return *this;
  }

  Bytes build() const {
    Writer file;
    file.put(magic).put(version).put(tensor_count.value_or(tensors_)).put(entry_count.value_or(entries_));
    file.raw(metadata_.bytes).raw(directory_.bytes);
    if (!data_.bytes.empty()) file.pad_to(alignment).raw(data_.bytes);
    return file.bytes;
  }

 private:
  Writer metadata_, directory_, data_;
  uint64_t entries_ = 0, tensors_ = 0;
};

// `count` bytes 0, 1, 2, ... 250, 0, ...
inline Bytes counting_bytes(size_t count) {
  Bytes bytes(count);
  for (size_t i = 0; i < count; i++) bytes[i] = std::byte(i % 251);
  return bytes;
}

// A small file with a value of every type, arrays of strings, numbers and arrays, and three tensors, the last of which ends
// with the file.
inline Builder sample() {
  Builder builder;
  builder.string("general.architecture", "llama").u32("general.alignment", 32).u32("llama.block_count", 2);
  builder.entry("t.u8", kU8, Writer().put(uint8_t(200))).entry("t.i8", kI8, Writer().put(int8_t(-100)));
  builder.u16("t.u16", 60000).entry("t.i16", kI16, Writer().put(int16_t(-30000))).i32("t.i32", -2000000000);
  builder.entry("t.u64", kU64, Writer().put(uint64_t(1) << 62)).entry("t.i64", kI64, Writer().put(int64_t(-1) << 62));
  builder.f32("t.f32", 0.5f).entry("t.f64", kF64, Writer().put(1e300)).boolean("t.bool", true);
  builder.strings("tokenizer.ggml.tokens", {"<s>", "", "\xc3\xa4 long enough not to be a short string"});
  builder.numbers<int32_t>("tokenizer.ggml.token_type", kI32, {3, 1, -1}).numbers<float>("tokenizer.ggml.scores", kF32, {0.0f, -1.5f});
  builder.numbers<uint8_t>("t.bools", kBool, {1, 0, 1});
  Writer nested;  // [[1, 2], []]
  nested.put(uint32_t(kArray)).put(uint64_t(2)).put(uint32_t(kU8)).put(uint64_t(2)).put(uint8_t(1)).put(uint8_t(2));
  nested.put(uint32_t(kString)).put(uint64_t(0));
  builder.entry("t.nested", kArray, nested);
  builder.tensor("norm.weight", {5}, 0, counting_bytes(20));
  builder.tensor("blk.0.weight", {32, 3}, 8, counting_bytes(3 * 34));
  builder.tensor("blk.1.weight", {4, 2, 3}, 1, counting_bytes(48));
  return builder;
}

}  // namespace gguf_test
