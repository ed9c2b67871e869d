// Files of packed weights: what is written is read, and whatever else lies there is refused.
#ifndef _WIN32
#include <sys/resource.h>
#endif

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "io/new_file.h"
#include "io/packed_weights/weights_file.h"
#include "io/packed_weights/weights_store.h"
#include "tap.h"
#include "tier.h"

namespace fs = std::filesystem;
using namespace ragdraft;
using namespace ragdraft::io;

namespace {

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("ragdraft-store-" + std::to_string(std::random_device{}()))) { fs::create_directory(path_); }
  ~Folder() {
    std::error_code ignored;
    fs::permissions(path_, fs::perms::owner_all, ignored);
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }
  size_t files() const { return size_t(std::distance(fs::directory_iterator(path_), fs::directory_iterator())); }

 private:
  fs::path path_;
};

using Bytes = std::vector<std::byte>;

Bytes read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

void write_all(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

const DigestKey kKey({11, 12});

WeightsTable sample_table() {
  WeightsTable table;
  table.contents = 77;
  table.matrices = {{"blk.0.attn_q.weight", "cpu-2-3", formats::DType::kQ8_0, 64, 256}, {"output.weight", "cpu-2-0", formats::DType::kF32, 8, 16}};
  return table;
}

const std::vector<Bytes> kImages = {Bytes(5000, std::byte(1)), Bytes(300, std::byte(2))};

std::string write_sample(const Folder& folder) {
  WeightsWriter writer(folder / "w", sample_table(), {kImages[0], kImages[1]}, kKey);
  while (!writer.done()) writer.step();
  return folder / "w";
}

// Nothing of a damaged file is believed: its head is refused, or the matrix that the damage lies in.
bool is_noticed(const std::string& path) {
  try {
    const WeightsFile file(path, kKey);
    for (const StoredMatrix& matrix : file.table().matrices) file.read(matrix);
  } catch (const Error& error) {
    return error.code() == Code::kInvalidModel;
  }
  return false;
}

// A head that lies, with the digest of one that does not.
Bytes signed_head(WeightsTable table, size_t file_bytes) {
  Bytes bytes = encode(table, kKey);
  bytes.resize(std::max(bytes.size(), file_bytes));
  return bytes;
}

}  // namespace

TEST("packed weights are read as they were written, aligned for products") {
  const Folder folder;
  const WeightsFile file(write_sample(folder), kKey);
  CHECK(file.table().contents == 77 && file.table().matrices.size() == 2);
  for (size_t i = 0; i < 2; i++) {
    const StoredMatrix& matrix = file.table().matrices[i];
    const WeightsTable sample = sample_table();
    const StoredMatrix& wanted = sample.matrices[i];
    CHECK(matrix.name == wanted.name && matrix.layout == wanted.layout && matrix.type == wanted.type);
    CHECK(matrix.rows == wanted.rows && matrix.columns == wanted.columns);
    const std::span<const std::byte> image = file.read(matrix);
    CHECK(std::equal(image.begin(), image.end(), kImages[i].begin(), kImages[i].end()));
    CHECK(reinterpret_cast<uintptr_t>(image.data()) % kMatrixAlignment == 0);
  }
  CHECK(folder.files() == 1);
}

TEST("a changed byte of the head, the table or the data is noticed") {
  const Folder folder;
  const std::string path = write_sample(folder);
  const Bytes whole = read_all(path);
  const size_t head = encode([] { WeightsTable t = sample_table(); place(t); return t; }(), kKey).size();
  for (size_t at = 0; at < whole.size(); at += at < head ? 1 : size_t(tier::choose(397, 37))) {
    if (at >= head && at < kMatrixAlignment) at = kMatrixAlignment;  // padding
    const bool padding = at >= kMatrixAlignment + kImages[0].size() && at < 3 * kMatrixAlignment;
    Bytes damaged = whole;
    damaged[at] ^= std::byte(4);
    write_all(path, damaged);
    CHECK_MSG(is_noticed(path) != padding, std::to_string(at));
  }
}

TEST("a file cut off or grown anywhere is refused, an empty one and a text too") {
  const Folder folder;
  const std::string path = write_sample(folder);
  const Bytes whole = read_all(path);
  for (size_t size = 0; size < whole.size(); size += size < 300 ? 1 : size_t(tier::choose(997, 101))) {
    write_all(path, Bytes(whole.begin(), whole.begin() + std::ptrdiff_t(size)));
    CHECK_MSG(is_noticed(path), std::to_string(size));
  }
  Bytes grown = whole;
  grown.push_back(std::byte(0));
  write_all(path, grown);
  CHECK(is_noticed(path));
  write_all(path, Bytes(10000, std::byte('x')));
  CHECK(is_noticed(path));
}

TEST("a file of another format version, or of another key, is refused") {
  const Folder folder;
  const std::string path = write_sample(folder);
  CHECK_THROWS(kInvalidModel, WeightsFile(path, DigestKey({11, 13})));
  Bytes other = read_all(path);
  other[8] = std::byte(1);
  write_all(path, other);
  CHECK(is_noticed(path));
}

TEST("heads that contradict the file or themselves are refused even when their digest is right") {
  WeightsTable table = sample_table();
  table.matrices[0].bytes = 5000;
  table.matrices[1].bytes = 300;
  place(table);
  const auto decodes = [](const WeightsTable& t, size_t file_bytes) {
    const Bytes file = signed_head(t, file_bytes);
    try {
      decode(file, kKey);
    } catch (const Error& error) {
      CHECK(error.code() == Code::kInvalidModel);
      return false;
    }
    return true;
  };
  CHECK(decodes(table, table.file_bytes));
  const auto with = [&](auto change) {
    WeightsTable lie = table;
    change(lie);
    return decodes(lie, table.file_bytes);
  };
  CHECK(!with([](WeightsTable& t) { t.file_bytes++; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].offset = 0; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].offset += kMatrixAlignment; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[1].offset = t.matrices[0].offset; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[1].offset = ~uint64_t(0) - kMatrixAlignment + 1; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].bytes = 0; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].bytes = ~uint64_t(0); }));
  CHECK(!with([](WeightsTable& t) { t.matrices[1].bytes++; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[1].bytes--; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].rows = 0; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].columns = -1; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].rows = int64_t(1) << 40; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].type = formats::DType(99); }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].name = ""; }));
  CHECK(!with([](WeightsTable& t) { t.matrices[0].layout = std::string(65, 'x'); }));
}

TEST("a file that is not committed leaves nothing behind, one that is replaces its forerunner") {
  const Folder folder;
  const Bytes old(10, std::byte(1)), young(20, std::byte(2));
  const auto write = [&](const Bytes& bytes, bool commit) {
    io::NewFile file(folder / "f", bytes.size(), 0);
    file.write(0, bytes);
    CHECK(folder.files() >= 1);
    if (commit) file.commit();
  };
  write(old, false);
  CHECK(folder.files() == 0);
  write(old, true);
  write(young, false);
  CHECK(read_all(folder / "f") == old && folder.files() == 1);
  write(young, true);
  CHECK(read_all(folder / "f") == young && folder.files() == 1);
  {
    io::NewFile file(folder / "f", old.size(), 0);
    file.write(0, old);
    file.commit_unless_present();
  }
  CHECK(read_all(folder / "f") == young && folder.files() == 1);
}

TEST("weights that are given up half written leave nothing behind") {
  const Folder folder;
  {
    WeightsWriter writer(folder / "w", sample_table(), {kImages[0], kImages[1]}, kKey);
    writer.step();
    CHECK(writer.finished() == 1 && !writer.done() && folder.files() == 1);
  }
  CHECK(folder.files() == 0);
}

TEST("what there is no room for is an error before it is written") {
  const Folder folder;
  CHECK_THROWS(kFileWrite, io::NewFile(folder / "f", uint64_t(1) << 60, 0));
  CHECK_THROWS(kFileWrite, io::NewFile(folder / "f", 10, ~uint64_t(0)));
  CHECK_THROWS(kFileWrite, io::NewFile(folder / "absent/f", 10, 0));
  CHECK(folder.files() == 0);
}

#ifndef _WIN32
TEST("a file larger than the process may write is an error instead of the process's end") {
  const Folder folder;
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  CHECK_THROWS(kFileWrite, io::NewFile(folder / "f", 1001, 0));
  io::NewFile(folder / "f", 1000, 0).write(0, Bytes(1000));
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(folder.files() == 0);
}

TEST("folder and files are for their owner alone") {
  const Folder folder;
  const auto permissions = [&](const std::string& name) { return fs::status(folder / name).permissions() & fs::perms::all; };
  write_sample(folder);
  CHECK(permissions("w") == (fs::perms::owner_read | fs::perms::owner_write));
  WeightsStore(folder / "inside");
  CHECK(permissions("inside") == fs::perms::owner_all);
}
#endif

TEST("the key of a folder is made once; a cut off one is replaced") {
  const Folder folder;
  const Bytes text(100, std::byte(3));
  const std::string inside = folder / "a/b";
  const uint64_t digest = WeightsStore(inside).key().digest(text);
  CHECK(WeightsStore(inside).key().digest(text) == digest);
  fs::resize_file(inside + "/key", 15);
  const uint64_t other = WeightsStore(inside).key().digest(text);
  CHECK(other != digest && WeightsStore(inside).key().digest(text) == other);
  write_all(folder / "file", text);
  CHECK_THROWS(kFileWrite, WeightsStore(folder / "file/inside"));
}

TEST("contents of a source are recalled, damaged notes are not") {
  const Folder folder;
  const WeightsStore store(folder.path());
  CHECK(!store.recall(5));
  store.remember(5, 6);
  store.remember(7, 8);
  CHECK(store.recall(5) == 6u && store.recall(7) == 8u);
  const std::string note = folder / "0000000000000005.source";
  Bytes damaged = read_all(note);
  damaged[8] ^= std::byte(1);
  write_all(note, damaged);
  CHECK(!store.recall(5));
  fs::remove(note);  // libstdc++ on Windows copies over no file
  fs::copy_file(folder / "0000000000000007.source", note);
  CHECK(!store.recall(5));
  fs::resize_file(folder / "0000000000000007.source", 23);
  CHECK(!store.recall(7));
}

TEST("tidying keeps what was used last, within bounds, and the newest in any case") {
  const Folder folder;
  const WeightsStore store(folder.path());
  const auto now = fs::file_time_type::clock::now();
  for (uint64_t contents = 1; contents <= 3; contents++) {
    write_all(store.weights_path(contents), Bytes(1000));
    fs::last_write_time(store.weights_path(contents), now - std::chrono::hours(10 - contents));
    store.remember(contents + 100, contents);
  }
  write_all(folder / "1.weights.0123.part", Bytes(10));
  write_all(folder / "2.weights.0123.part", Bytes(10));
  write_all(folder / "of somebody else", Bytes(10));
  fs::last_write_time(folder / "1.weights.0123.part", now - std::chrono::hours(25));
  const auto left = [&](uint64_t contents) { return fs::exists(store.weights_path(contents)) && store.recall(contents + 100) == contents; };
  store.tidy(3, 3000);
  CHECK(left(1) && left(2) && left(3));
  CHECK(!fs::exists(folder / "1.weights.0123.part") && fs::exists(folder / "2.weights.0123.part") && fs::exists(folder / "of somebody else"));
  store.touch(1);
  store.tidy(3, 2000);
  CHECK(left(1) && !fs::exists(store.weights_path(2)) && left(3));
  store.tidy(3, 100);
  CHECK(!fs::exists(store.weights_path(1)) && left(3));
  store.tidy(3, 100);
  CHECK(!store.recall(101) && !store.recall(102) && left(3));
}
