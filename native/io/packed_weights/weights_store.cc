#include "io/packed_weights/weights_store.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/utf8_path.h"
#include "io/new_file.h"
#include "io/system_files.h"

namespace ragdraft::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeights = ".weights";
constexpr const char* kSource = ".source";
constexpr uint64_t kNoReserve = 0;  // files of some bytes need not look whether the disk is nearly full

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

// The words of a file that has exactly so many.
template <size_t kCount>
std::optional<std::array<uint64_t, kCount>> read_words(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<uint64_t, kCount> words;
  if (!file.read(reinterpret_cast<char*>(words.data()), sizeof words) || file.peek() != std::ifstream::traits_type::eof()) return std::nullopt;
  return words;
}

void make_folder(const std::string& folder) {
  const fs::path path = utf8_path(folder);
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (!error) error = io::make_private_folder(folder);
  if (error) throw Error(Code::kFileWrite, "cannot make the folder '" + folder + "': " + error.message());
}

DigestKey::Seed shared_seed(const std::string& folder) {
  const std::string path = folder + "/key";
  if (const auto seed = read_words<4>(utf8_path(path))) return *seed;
  for (int attempt = 0; attempt < 2; attempt++) {
    const DigestKey::Seed seed = DigestKey::random_seed();
    io::NewFile file(path, sizeof seed, kNoReserve);
    file.write(0, std::as_bytes(std::span(seed)));
    file.commit_unless_present();
    if (const auto agreed = read_words<4>(utf8_path(path))) return *agreed;  // another process's, if it was first
    std::error_code ignored;
    fs::remove(utf8_path(path), ignored);  // cut off; what was written under it counts as damaged from now on
  }
  throw Error(Code::kFileRead, "cannot read '" + path + "'");
}

struct Entry {
  fs::path path;
  fs::file_time_type used;
  uint64_t bytes;
};

// The regular files of a folder, what vanishes meanwhile left out.
std::vector<Entry> entries_of(const std::string& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(utf8_path(folder), error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    Entry entry{it->path(), it->last_write_time(gone), 0};
    if (gone || !it->is_regular_file(gone) || gone) continue;
    entry.bytes = it->file_size(gone);
    if (!gone) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

WeightsStore::WeightsStore(std::string folder) : folder_((make_folder(folder), std::move(folder))), key_(shared_seed(folder_)) {}

std::string WeightsStore::weights_path(uint64_t contents) const { return folder_ + "/" + hex(contents) + kWeights; }

// A note: source, contents, digest of both.
std::optional<uint64_t> WeightsStore::recall(uint64_t source) const {
  const auto note = read_words<3>(utf8_path(folder_ + "/" + hex(source) + kSource));
  if (!note || (*note)[0] != source || (*note)[2] != key_.digest(std::as_bytes(std::span(*note).first<2>()))) return std::nullopt;
  return (*note)[1];
}

void WeightsStore::remember(uint64_t source, uint64_t contents) const {
  std::array<uint64_t, 3> note{source, contents, 0};
  note[2] = key_.digest(std::as_bytes(std::span(note).first<2>()));
  try {
    io::NewFile file(folder_ + "/" + hex(source) + kSource, sizeof note, kNoReserve);
    file.write(0, std::as_bytes(std::span(note)));
    file.commit();
  } catch (const Error&) {
    // The next load digests the model again: a fraction of a second.
  }
}

void WeightsStore::touch(uint64_t contents) const {
  std::error_code ignored;  // a folder that may only be read
  fs::last_write_time(utf8_path(weights_path(contents)), fs::file_time_type::clock::now(), ignored);
}

void WeightsStore::tidy(uint64_t newest, uint64_t keep_bytes) const {
  constexpr std::chrono::hours kAbandoned{24};
  std::error_code ignored;
  std::vector<Entry> weights;
  for (Entry& entry : entries_of(folder_)) {
    const std::string kind = entry.path.extension().string();
    if (kind == kWeights) {
      weights.push_back(std::move(entry));
    } else if (kind == kSource) {
      const auto note = read_words<3>(entry.path);
      if (!note || !fs::exists(utf8_path(weights_path((*note)[1])), ignored)) fs::remove(entry.path, ignored);
    } else if (kind == io::NewFile::kSuffix && fs::file_time_type::clock::now() - entry.used > kAbandoned) {
      fs::remove(entry.path, ignored);
    }
  }
  std::sort(weights.begin(), weights.end(), [](const Entry& a, const Entry& b) { return a.used > b.used; });
  const fs::path spared = utf8_path(weights_path(newest));
  uint64_t kept = 0;
  for (const Entry& entry : weights) {
    kept += entry.bytes;
    if (kept > keep_bytes && entry.path != spared) fs::remove(entry.path, ignored);
  }
}

}  // namespace ragdraft::io
