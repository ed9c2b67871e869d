// A cursor over untrusted bytes. Every read is checked against what is left; nothing is allocated here.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "io/gguf/gguf_error.h"

namespace ragdraft::io {

static_assert(std::endian::native == std::endian::little, "GGUF is read in place: little-endian hosts only");

class ByteReader {
 public:
  ByteReader(const std::byte* data, size_t size) noexcept : data_(data), size_(size) {}

  size_t position() const noexcept { return position_; }
  size_t remaining() const noexcept { return size_ - position_; }

  // Next fixed-width number; `what` names it in the error.
  template <class T>
  T number(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof value, what), sizeof value);
    return value;
  }

  // u64 length, then that many bytes; a view into the file.
  std::string_view string(const char* what) {
    const auto length = number<uint64_t>(what);
    return {reinterpret_cast<const char*>(take(length, what)), size_t(length)};
  }

  // Throws unless `count` items of at least `item_bytes` each can follow: to be asked before anything is sized by `count`.
  void expect_room(uint64_t count, size_t item_bytes, const char* what) const {
    if (count > remaining() / item_bytes) {
      invalid("claims " + std::to_string(count) + " " + what + ", but only " + std::to_string(remaining()) + " bytes follow");
    }
  }

 private:
  const std::byte* take(uint64_t bytes, const char* what) {
    if (bytes > remaining()) {
      invalid("the header ends inside " + std::string(what) + ": " + std::to_string(bytes) + " bytes needed at byte " +
              std::to_string(position_) + ", " + std::to_string(remaining()) + " left");
    }
    const std::byte* start = data_ + position_;
    position_ += size_t(bytes);
    return start;
  }

  const std::byte* data_;
  size_t size_, position_ = 0;
};

}  // namespace ragdraft::io
