// Bytes in the making, as ByteReader reads them: little-endian numbers, texts after their length.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ragdraft::io {

static_assert(std::endian::native == std::endian::little, "numbers are stored as they lie in memory");

class ByteWriter {
 public:
  template <class T>
  void number(T value) {
    append(&value, sizeof value);
  }
  void string(std::string_view text) {
    number(uint64_t(text.size()));
    append(text.data(), text.size());
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  void append(const void* data, size_t size) {
    if (size == 0) return;
    bytes_.resize(bytes_.size() + size);
    std::memcpy(bytes_.data() + bytes_.size() - size, data, size);
  }
  std::vector<std::byte> bytes_;
};

}  // namespace ragdraft::io
