#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <limits>

#include "io/system_files.h"

namespace ragdraft::io {
namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }
std::error_code result_of(int status) { return status == 0 ? std::error_code() : last_error(); }

// The name reaches the disk with its folder; where that cannot be opened, when the system sees fit.
void flush_folder_of(const std::string& path) {
  const int folder = ::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (folder < 0) return;
  fsync(folder);
  close(folder);
}

}  // namespace

std::error_code create_file(const std::string& path, uint64_t bytes, FileHandle& file) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return last_error();
#if defined(__linux__)
  // A full disk shows now instead of after gigabytes. Where the file system cannot reserve, writing shows it.
  if (bytes > 0 && fallocate(descriptor, 0, 0, off_t(bytes)) != 0 && errno != EOPNOTSUPP) {
    const std::error_code error = last_error();
    close(descriptor);
    unlink(path.c_str());
    return error;
  }
#else
  (void)bytes;
#endif
  file = descriptor;
  return {};
}

std::error_code write_file(FileHandle file, uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t count = pwrite(int(file), data.data(), data.size(), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return last_error();
    offset += uint64_t(count);
    data = data.subspan(size_t(count));
  }
  return {};
}

void start_flush(FileHandle file, uint64_t begin, uint64_t end) {
#if defined(__linux__)  // what was started before has to be done by now: as much as one write is under way, never gigabytes
  sync_file_range(int(file), 0, off_t(begin), SYNC_FILE_RANGE_WAIT_BEFORE);
  sync_file_range(int(file), off_t(begin), off_t(end - begin), SYNC_FILE_RANGE_WRITE);
#else
  (void)file, (void)begin, (void)end;
#endif
}

std::error_code flush_file(FileHandle file) {
  if (fsync(int(file)) != 0) return last_error();
#if defined(__linux__)
  // Written piece by piece the file's cache consists of small pages. Read again by a mapping that asks for huge ones, it gets them.
  posix_fadvise(int(file), 0, 0, POSIX_FADV_DONTNEED);
#endif
  return {};
}

void close_file(FileHandle file) { close(int(file)); }

std::error_code remove_file(const std::string& path) { return result_of(unlink(path.c_str())); }

std::error_code replace_file(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return last_error();
  flush_folder_of(to);
  return {};
}

std::error_code name_file(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return remove_file(from);
  if (errno == EEXIST) return {};
  return replace_file(from, to);  // a file system without links
}

std::error_code make_private_folder(const std::string& path) {
  const std::error_code error = result_of(mkdir(path.c_str(), 0700));
  return error == std::errc::file_exists ? std::error_code() : error;
}

uint64_t largest_file() {
  rlimit limit;
  const bool limited = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;  // more ends the process by SIGXFSZ
  return limited ? uint64_t(limit.rlim_cur) : std::numeric_limits<uint64_t>::max();
}

}  // namespace ragdraft::io
