#include "io/new_file.h"

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/system_random.h"
#include "base/utf8_path.h"

namespace ragdraft::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw Error(Code::kFileWrite, "cannot write '" + path + "': " + why);
}

void require(const std::string& path, const std::error_code& error) {
  if (error) fail(path, error.message());
}

std::string unique_suffix() {
  char text[18];
  std::snprintf(text, sizeof text, ".%016" PRIx64, random_word());
  return text + std::string(NewFile::kSuffix);
}

void require_room(const std::string& path, uint64_t bytes, uint64_t keep_free) {
  if (bytes > largest_file()) fail(path, "the process may not write files of " + std::to_string(bytes) + " bytes");
  std::error_code error;
  const fs::space_info space = fs::space(utf8_path(path).parent_path(), error);
  require(path, error);
  if (space.available < keep_free || space.available - keep_free < bytes) {
    fail(path, std::to_string(bytes) + " bytes would leave less than " + std::to_string(keep_free) + " of " +
                   std::to_string(space.available) + " free on the disk");
  }
}

}  // namespace

NewFile::NewFile(std::string path, uint64_t bytes, uint64_t keep_free) : path_(std::move(path)), temporary_(path_ + unique_suffix()) {
  require_room(path_, bytes, keep_free);
  require(path_, create_file(temporary_, bytes, file_));
}

NewFile::~NewFile() {
  if (committed_) return;
  if (file_ != kNoFile) close_file(file_);
  remove_file(temporary_);
}

void NewFile::write(uint64_t offset, std::span<const std::byte> data) {
  require(path_, write_file(file_, offset, data));
  const uint64_t end = offset + data.size();
  if (end <= started_) return;
  start_flush(file_, started_, end);
  started_ = end;
}

// The name is given to a closed file: Windows renames no open one.
void NewFile::finish() {
  require(path_, flush_file(file_));
  close_file(std::exchange(file_, kNoFile));
}

void NewFile::commit() {
  finish();
  require(path_, replace_file(temporary_, path_));
  committed_ = true;
}

void NewFile::commit_unless_present() {
  finish();
  require(path_, name_file(temporary_, path_));  // where another one has the name, the destructor removes this one
}

}  // namespace ragdraft::io
