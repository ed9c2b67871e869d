#include "io/packed_weights/weights_file.h"

#include <algorithm>

#include "base/error.h"
#include "io/gguf/gguf_error.h"
#include "io/huge_pages.h"

namespace ragdraft::io {
namespace {

constexpr uint64_t kKeepFree = uint64_t(1) << 30;  // of the disk, for its owner
constexpr size_t kPiece = size_t(16) << 20;        // 50 ms of a disk that writes 300 MB/s: answers under way wait no longer

WeightsTable placed(WeightsTable table, const std::vector<std::span<const std::byte>>& images) {
  for (size_t i = 0; i < images.size(); i++) table.matrices[i].bytes = images[i].size();
  place(table);
  return table;
}

}  // namespace

WeightsFile::WeightsFile(const std::string& path, const DigestKey& key)
    : key_(key),
      file_(path, io::Pages::kHuge),
      table_(io::in_context(path, [&] { return decode({file_.data(), file_.size()}, key); })),
      huge_pages_(io::in_huge_pages(file_.data(), file_.size())) {}

std::span<const std::byte> WeightsFile::read(const StoredMatrix& matrix) const {
  const std::span<const std::byte> image(file_.data() + matrix.offset, size_t(matrix.bytes));
  if (key_.digest(image) != matrix.digest) io::invalid("the packed bytes of " + io::quoted(matrix.name) + " are damaged");
  return image;
}

WeightsWriter::WeightsWriter(const std::string& path, WeightsTable table, std::vector<std::span<const std::byte>> images, const DigestKey& key)
    : table_(placed(std::move(table), images)), images_(std::move(images)), key_(key), file_(path, table_.file_bytes, kKeepFree) {}

void WeightsWriter::step() {
  if (matrix_ < images_.size()) {
    const std::span<const std::byte> image = images_[matrix_], piece = image.subspan(written_, std::min(kPiece, image.size() - written_));
    StoredMatrix& entry = table_.matrices[matrix_];
    file_.write(entry.offset + written_, piece);
    written_ += piece.size();
    if (written_ < image.size()) return;
    entry.digest = key_.digest(image);
    written_ = 0;
    matrix_++;
    return;
  }
  file_.write(0, encode(table_, key_));  // the head last: it has the digests
  file_.commit();
  done_ = true;
}

}  // namespace ragdraft::io
