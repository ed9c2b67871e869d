#include <windows.h>

#include <cstdint>
#include <filesystem>
#include <system_error>

#include "base/utf8_path.h"
#include "io/mapped_file.h"
#include "io/mapped_file_error.h"

namespace ragdraft::io {

namespace {

[[noreturn]] void fail_with_last_error(const std::string& path) {
  const DWORD error = GetLastError();
  const bool absent = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND || error == ERROR_INVALID_NAME;
  const bool memory = error == ERROR_NOT_ENOUGH_MEMORY || error == ERROR_COMMITMENT_LIMIT;
  fail_read(absent ? Code::kFileNotFound : memory ? Code::kOutOfMemory : Code::kFileRead, path, std::system_category().message(int(error)));
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
    wide = utf8_path(path);
  } catch (const std::system_error&) {
    throw Error(Code::kInvalidArgument, "a model path must be UTF-8");
  }
  // Whoever shares the file may give its name to another one, or take it away: the mapping stays.
  constexpr DWORD kShared = FILE_SHARE_READ | FILE_SHARE_DELETE;
  const Handle file{CreateFileW(wide.c_str(), GENERIC_READ, kShared, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)};
  if (file.value == INVALID_HANDLE_VALUE) {
    const DWORD error = GetLastError(), attributes = GetFileAttributesW(wide.c_str());
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY)) fail_read(Code::kFileRead, path, "is a directory");
    SetLastError(error);
    fail_with_last_error(path);
  }
  if (GetFileType(file.value) != FILE_TYPE_DISK) fail_read(Code::kFileRead, path, "not a regular file");
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

}  // namespace ragdraft::io
