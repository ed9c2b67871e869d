// What a file that is being written needs of the operating system, in the words of no system (system_files_posix.cc,
// system_files_windows.cc). Paths are UTF-8. Errors are returned, in the system's own words.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace ragdraft::io {

using FileHandle = intptr_t;
constexpr FileHandle kNoFile = -1;

// A new file for the owner's eyes only, with room for `bytes` where the file system can reserve it. An error if the name is taken.
std::error_code create_file(const std::string& path, uint64_t bytes, FileHandle& file);
std::error_code write_file(FileHandle file, uint64_t offset, std::span<const std::byte> data);
// The disk may begin with the bytes from `begin` to `end`, and waits for those before them. A wish.
void start_flush(FileHandle file, uint64_t begin, uint64_t end);
// Returns when the contents are on the disk.
std::error_code flush_file(FileHandle file);
void close_file(FileHandle file);

std::error_code remove_file(const std::string& path);
// `to` becomes `from`, whatever it was before; at once, and on the disk where the system can promise that.
std::error_code replace_file(const std::string& from, const std::string& to);
// As replace_file(), but a file that has the name already stays, and then `from` does too.
std::error_code name_file(const std::string& from, const std::string& to);

// A folder for the owner's eyes only; its parents exist. No error if it exists.
std::error_code make_private_folder(const std::string& path);
// The largest file that this process may write without being ended for it.
uint64_t largest_file();

}  // namespace ragdraft::io
