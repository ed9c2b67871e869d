#include "io/new_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <random>
#include <system_error>

#include "base/error.h"

namespace ragdraft::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw Error(Code::kFileWrite, "cannot write '" + path + "': " + why);
}

[[noreturn]] void fail_with_errno(const std::string& path) { fail(path, std::generic_category().message(errno)); }

std::string unique_suffix() {
  std::random_device random;
  char text[18];
  std::snprintf(text, sizeof text, ".%08" PRIx32 "%08" PRIx32, uint32_t(random()), uint32_t(random()));
  return text + std::string(NewFile::kSuffix);
}

void require_room(const std::string& path, uint64_t bytes, uint64_t keep_free) {
  rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur)
    fail(path, "the process may not write files of " + std::to_string(bytes) + " bytes");  // it would be told so by SIGXFSZ
  std::error_code error;
  const fs::space_info space = fs::space(fs::path(path).parent_path(), error);
  if (error) fail(path, error.message());
  if (space.available < keep_free || space.available - keep_free < bytes) {
    fail(path, std::to_string(bytes) + " bytes would leave less than " + std::to_string(keep_free) + " of " +
                   std::to_string(space.available) + " free on the disk");
  }
}

}  // namespace

NewFile::NewFile(std::string path, uint64_t bytes, uint64_t keep_free) : path_(std::move(path)), temporary_(path_ + unique_suffix()) {
  require_room(path_, bytes, keep_free);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor_ < 0) fail_with_errno(path_);
#if defined(__linux__)
  // A full disk shows now instead of after gigabytes. Where the file system cannot reserve, writing shows it.
  if (bytes > 0 && fallocate(descriptor_, 0, 0, off_t(bytes)) != 0 && errno != EOPNOTSUPP) {
    const int error = errno;
    close(descriptor_);
    unlink(temporary_.c_str());
    errno = error;
    fail_with_errno(path_);
  }
#endif
}

NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_.c_str());
}

void NewFile::write(uint64_t offset, std::span<const std::byte> data) {
  const uint64_t end = offset + data.size();
  while (!data.empty()) {
    const ssize_t count = pwrite(descriptor_, data.data(), data.size(), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail_with_errno(path_);
    offset += uint64_t(count);
    data = data.subspan(size_t(count));
  }
#if defined(__linux__)
  if (end > started_) {  // what was started before has to be done by now: as much as one write is under way, never gigabytes
    sync_file_range(descriptor_, 0, off64_t(started_), SYNC_FILE_RANGE_WAIT_BEFORE);
    sync_file_range(descriptor_, off64_t(started_), off64_t(end - started_), SYNC_FILE_RANGE_WRITE);
    started_ = end;
  }
#endif
}

void NewFile::flush() {
  if (fsync(descriptor_) != 0) fail_with_errno(path_);
#if defined(__linux__)
  // Written piece by piece the file's cache consists of small pages. Read again by a mapping that asks for huge ones, it gets them.
  posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
#endif
}

void NewFile::commit() {
  flush();
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail_with_errno(path_);
  close(descriptor_);
  descriptor_ = -1;
  const int folder = ::open(fs::path(path_).parent_path().c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (folder < 0) return;  // the name then reaches the disk when the system sees fit
  fsync(folder);
  close(folder);
}

void NewFile::commit_unless_present() {
  flush();
  if (link(temporary_.c_str(), path_.c_str()) == 0 || errno == EEXIST) return;  // the destructor removes the other name
  commit();  // a file system without links
}

}  // namespace ragdraft::io
