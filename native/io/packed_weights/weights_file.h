// One file of packed weights: reading it where it lies, and writing it piece by piece.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "io/mapped_file.h"
#include "io/new_file.h"
#include "io/packed_weights/weights_table.h"

namespace ragdraft::io {

class WeightsFile {
 public:
  // Maps the file and checks its head. Throws kFileNotFound, kFileRead, kOutOfMemory (no address space), kInvalidModel (damaged, or
  // another version's).
  WeightsFile(const std::string& path, const DigestKey& key);

  const WeightsTable& table() const { return table_; }
  // Whether products may run on the mapping without loss: see io::in_huge_pages.
  bool in_huge_pages() const { return huge_pages_; }
  // The packed bytes, read and checked, in the mapping. Throws kInvalidModel if they are damaged.
  std::span<const std::byte> read(const StoredMatrix& matrix) const;

 private:
  const DigestKey key_;
  io::MappedFile file_;
  WeightsTable table_;
  bool huge_pages_;
};

class WeightsWriter {
 public:
  // table: all but offsets, sizes and digests. images: of its matrices, in memory until the end.
  // Throws kFileWrite, also if the disk would be left with less than a GiB.
  WeightsWriter(const std::string& path, WeightsTable table, std::vector<std::span<const std::byte>> images, const DigestKey& key);

  bool done() const { return done_; }
  size_t finished() const { return matrix_; }  // matrices written so far
  void step();                                 // at most 16 MiB, or the end; throws kFileWrite

 private:
  WeightsTable table_;
  std::vector<std::span<const std::byte>> images_;
  const DigestKey& key_;
  io::NewFile file_;
  size_t matrix_ = 0, written_ = 0;  // the matrix in work, bytes of it
  bool done_ = false;
};

}  // namespace ragdraft::io
