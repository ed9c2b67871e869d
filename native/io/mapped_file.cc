#include "io/mapped_file.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/error.h"

#ifdef _WIN32
#ifndef NOMINMAX
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace ragdraft::io {
namespace {

[[noreturn]] void fail(Code code, const std::string& path, const std::string& why) {
  throw Error(code, "cannot read model file '" + path + "': " + why);
}

void check_path(const std::string& path) {
  check(!path.empty() && path.find('\0') == std::string::npos, Code::kInvalidArgument, "a model path must be non-empty, without NUL");
}

size_t checked_size(uint64_t bytes, const std::string& path) {
  if (bytes > std::numeric_limits<size_t>::max() / 2) fail(Code::kOutOfMemory, path, "larger than the address space");
  return size_t(bytes);
}

}  // namespace

#ifdef _WIN32

namespace {

[[noreturn]] void fail_with_last_error(const std::string& path) {
  const DWORD error = GetLastError();
  const bool absent = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND || error == ERROR_INVALID_NAME;
  const bool memory = error == ERROR_NOT_ENOUGH_MEMORY || error == ERROR_COMMITMENT_LIMIT;
  fail(absent ? Code::kFileNotFound : memory ? Code::kOutOfMemory : Code::kFileRead, path, std::system_category().message(int(error)));
}

struct Handle {
  HANDLE value;
  ~Handle() {
    if (value && value != INVALID_HANDLE_VALUE) CloseHandle(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path, Pages) {
  check_path(path);
  std::filesystem::path wide;
  try {
    wide = std::filesystem::path(std::u8string(path.begin(), path.end()));
  } catch (const std::system_error&) {
    throw Error(Code::kInvalidArgument, "a model path must be UTF-8");
  }
  const Handle file{CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)};
  if (file.value == INVALID_HANDLE_VALUE) fail_with_last_error(path);
  LARGE_INTEGER bytes;
  BY_HANDLE_FILE_INFORMATION information;
  if (!GetFileSizeEx(file.value, &bytes) || !GetFileInformationByHandle(file.value, &information)) fail_with_last_error(path);
  size_ = checked_size(uint64_t(bytes.QuadPart), path);
  const auto whole = [](uint64_t high, uint64_t low) { return high << 32 | low; };
  const uint64_t written = whole(information.ftLastWriteTime.dwHighDateTime, information.ftLastWriteTime.dwLowDateTime) * 100;
  const uint64_t number = whole(information.nFileIndexHigh, information.nFileIndexLow);
  identity_ = {information.dwVolumeSerialNumber, number, size_, written, written};
  if (size_ == 0) return;  // an empty file cannot be mapped
  const Handle mapping{CreateFileMappingW(file.value, nullptr, PAGE_READONLY, 0, 0, nullptr)};
  if (!mapping.value) fail_with_last_error(path);
  data_ = static_cast<const std::byte*>(MapViewOfFile(mapping.value, FILE_MAP_READ, 0, 0, 0));
  if (!data_) fail_with_last_error(path);
}

MappedFile::~MappedFile() {
  if (data_) UnmapViewOfFile(data_);
}

void prefetch_pages(const std::byte* data, size_t bytes) noexcept {
  WIN32_MEMORY_RANGE_ENTRY range{const_cast<std::byte*>(data), bytes};
  PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
}

void release_pages(const std::byte* data, size_t bytes) noexcept {
  VirtualUnlock(const_cast<std::byte*>(data), bytes);  // of pages that were never locked: takes them out of the working set
}

#else

namespace {

[[noreturn]] void fail_with_errno(const std::string& path) {
  const int error = errno;
  const bool absent = error == ENOENT || error == ENOTDIR;
  fail(absent ? Code::kFileNotFound : error == ENOMEM ? Code::kOutOfMemory : Code::kFileRead, path, std::generic_category().message(error));
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
  if (S_ISDIR(status.st_mode)) fail(Code::kFileRead, path, "is a directory");
  if (!S_ISREG(status.st_mode)) fail(Code::kFileRead, path, "not a regular file");
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

#endif

}  // namespace ragdraft::io
