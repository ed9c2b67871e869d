// A file that appears complete or not at all, whatever ends the process: it is written under a name of its own beside its place,
// and renamed at the end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/system_files.h"

namespace ragdraft::io {

class NewFile {
 public:
  static constexpr const char* kSuffix = ".part";  // of the name until commit(): PATH.<16 hex digits>.part

  // Reserves `bytes` in the folder of `path`, for the owner's eyes only. Throws kFileWrite, also where less than `keep_free` bytes of
  // the disk would be left, or where the process may not write so large a file (which would end it).
  NewFile(std::string path, uint64_t bytes, uint64_t keep_free);
  ~NewFile();  // removes what was not committed
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  // Writes at a place within `bytes`. The disk works on it at once, so that commit() finds little left to wait for. Throws kFileWrite.
  void write(uint64_t offset, std::span<const std::byte> data);
  // Waits until the data are on the disk, then gives the file its name, in place of any before. Throws kFileWrite.
  void commit();
  // As commit(), but a file that has the name already stays, and this one is dropped.
  void commit_unless_present();

 private:
  void finish();

  std::string path_, temporary_;
  FileHandle file_ = kNoFile;
  bool committed_ = false;
  uint64_t started_ = 0;  // bytes that the disk has been told of
};

}  // namespace ragdraft::io
