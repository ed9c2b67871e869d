// A whole file, mapped read-only (mapped_file_posix.cc, mapped_file_windows.cc). See gguf.h for what happens if it shrinks while it is mapped.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ragdraft::io {

// A wish, see huge_pages.h. kHuge: for files that are read whole, again and again.
enum class Pages { kSmall, kHuge };

class MappedFile {
 public:
  // `path` is UTF-8. Throws kInvalidArgument (a NUL in the path), kFileNotFound, kFileRead (no permission, a directory or a
  // pipe, a failure of the disk), kOutOfMemory (no address space left).
  explicit MappedFile(const std::string& path, Pages pages = Pages::kSmall);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const noexcept { return data_; }  // page-aligned; nullptr for an empty file
  size_t size() const noexcept { return size_; }

  // What tells this file in this state from all others: device, number, size, times of the last change of its contents and of its
  // record, in nanoseconds. A copy is another file, and so is the file after it was written to.
  using Identity = std::array<uint64_t, 5>;
  const Identity& identity() const noexcept { return identity_; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  Identity identity_{};
};

// Asks the OS to read these bytes of a mapping ahead.
void prefetch_pages(const std::byte* data, size_t bytes) noexcept;

// These bytes of a MappedFile no longer count as memory of this process. The file's cache keeps them while there is room; a later
// access maps them again. A hint.
void release_pages(const std::byte* data, size_t bytes) noexcept;

}  // namespace ragdraft::io
