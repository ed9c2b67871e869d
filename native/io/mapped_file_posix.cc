#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "io/mapped_file.h"
#include "io/mapped_file_error.h"

namespace ragdraft::io {

namespace {

[[noreturn]] void fail_with_errno(const std::string& path) {
  const int error = errno;
  const bool absent = error == ENOENT || error == ENOTDIR;
  fail_read(absent ? Code::kFileNotFound : error == ENOMEM ? Code::kOutOfMemory : Code::kFileRead, path, std::generic_category().message(error));
}

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
};

#if defined(__APPLE__)
timespec modified(const struct stat& status) { return status.st_mtimespec; }
timespec changed(const struct stat& status) { return status.st_ctimespec; }
#else
timespec modified(const struct stat& status) { return status.st_mtim; }
timespec changed(const struct stat& status) { return status.st_ctim; }
#endif

uint64_t nanoseconds(const timespec& time) { return uint64_t(time.tv_sec) * 1'000'000'000 + uint64_t(time.tv_nsec); }

}  // namespace

MappedFile::MappedFile(const std::string& path, Pages pages) {
  check_path(path);
  // O_NONBLOCK: opening a pipe must not wait for its writer. It means nothing for regular files.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) fail_with_errno(path);
  struct stat status;
  if (fstat(file.value, &status) != 0) fail_with_errno(path);
  if (S_ISDIR(status.st_mode)) fail_read(Code::kFileRead, path, "is a directory");
  if (!S_ISREG(status.st_mode)) fail_read(Code::kFileRead, path, "not a regular file");
  size_ = checked_size(uint64_t(status.st_size), path);
  identity_ = {uint64_t(status.st_dev), uint64_t(status.st_ino), size_, nanoseconds(modified(status)), nanoseconds(changed(status))};
  if (size_ == 0) return;  // an empty file cannot be mapped
  void* address = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.value, 0);
  if (address == MAP_FAILED) fail_with_errno(path);
  data_ = static_cast<const std::byte*>(address);
#if defined(MADV_HUGEPAGE)
  if (pages == Pages::kHuge) madvise(address, size_, MADV_HUGEPAGE);
#else
  (void)pages;
#endif
}

MappedFile::~MappedFile() {
  if (data_) munmap(const_cast<std::byte*>(data_), size_);
}

namespace {

void advise(const std::byte* data, size_t bytes, int advice) noexcept {
  const auto page = uintptr_t(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(data), aligned = begin / page * page;
  madvise(reinterpret_cast<void*>(aligned), bytes + (begin - aligned), advice);
}

}  // namespace

void prefetch_pages(const std::byte* data, size_t bytes) noexcept { advise(data, bytes, MADV_WILLNEED); }

void release_pages(const std::byte* data, size_t bytes) noexcept { advise(data, bytes, MADV_DONTNEED); }

}  // namespace ragdraft::io
