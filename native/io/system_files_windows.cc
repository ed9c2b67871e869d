// Folders of a user give their files to him alone: that is their access list, which new files inherit.
#include <windows.h>

#include <algorithm>
#include <limits>

#include "base/utf8_path.h"
#include "io/system_files.h"

namespace ragdraft::io {
namespace {

std::error_code last_error() { return {int(GetLastError()), std::system_category()}; }
std::error_code result_of(BOOL success) { return success ? std::error_code() : last_error(); }
HANDLE handle_of(FileHandle file) { return reinterpret_cast<HANDLE>(file); }

}  // namespace

std::error_code create_file(const std::string& path, uint64_t bytes, FileHandle& file) {
  const HANDLE handle = CreateFileW(utf8_path(path).c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle == INVALID_HANDLE_VALUE) return last_error();
  // A full disk shows now instead of after gigabytes: an end of the file takes its room.
  LARGE_INTEGER end;
  end.QuadPart = LONGLONG(bytes);
  if (!SetFilePointerEx(handle, end, nullptr, FILE_BEGIN) || !SetEndOfFile(handle)) {
    const std::error_code error = last_error();
    CloseHandle(handle);
    remove_file(path);
    return error;
  }
  file = reinterpret_cast<FileHandle>(handle);
  return {};
}

std::error_code write_file(FileHandle file, uint64_t offset, std::span<const std::byte> data) {
  constexpr size_t kPiece = size_t(1) << 30;  // a call counts in 32 bits
  while (!data.empty()) {
    OVERLAPPED place{};
    place.Offset = DWORD(offset);
    place.OffsetHigh = DWORD(offset >> 32);
    DWORD count = 0;
    if (!WriteFile(handle_of(file), data.data(), DWORD(std::min(kPiece, data.size())), &count, &place)) return last_error();
    offset += count;
    data = data.subspan(count);
  }
  return {};
}

void start_flush(FileHandle, uint64_t, uint64_t) {}

std::error_code flush_file(FileHandle file) { return result_of(FlushFileBuffers(handle_of(file))); }

void close_file(FileHandle file) { CloseHandle(handle_of(file)); }

std::error_code remove_file(const std::string& path) { return result_of(DeleteFileW(utf8_path(path).c_str())); }

// A file that is mapped, by this process or another one, can be neither replaced nor removed: an error.
std::error_code replace_file(const std::string& from, const std::string& to) {
  constexpr DWORD kHow = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
  return result_of(MoveFileExW(utf8_path(from).c_str(), utf8_path(to).c_str(), kHow));
}

std::error_code name_file(const std::string& from, const std::string& to) {
  const std::error_code error = result_of(MoveFileExW(utf8_path(from).c_str(), utf8_path(to).c_str(), MOVEFILE_WRITE_THROUGH));
  const bool taken = error.value() == ERROR_ALREADY_EXISTS || error.value() == ERROR_FILE_EXISTS;
  return taken ? std::error_code() : error;
}

std::error_code make_private_folder(const std::string& path) {
  const std::error_code error = result_of(CreateDirectoryW(utf8_path(path).c_str(), nullptr));
  return error.value() == ERROR_ALREADY_EXISTS ? std::error_code() : error;
}

uint64_t largest_file() { return std::numeric_limits<uint64_t>::max(); }

}  // namespace ragdraft::io
