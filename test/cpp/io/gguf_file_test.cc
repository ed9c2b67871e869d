// Files on disk: what cannot be opened, and models that are split over several files.
#include <filesystem>
#include <fstream>
#include <random>

#include "base/utf8_path.h"
#include "gguf_builder.h"
#include "io/gguf/gguf.h"
#include "tap.h"

#ifndef _WIN32
#include <sys/stat.h>
#endif

using namespace gguf_test;
namespace fs = std::filesystem;
using ragdraft::Error;
using ragdraft::utf8_path;
using ragdraft::io::GgufFile;

namespace {

class TempFolder {
 public:
  TempFolder() : path_(fs::temp_directory_path() / ("ragdraft-gguf-" + std::to_string(std::random_device{}()))) {
    fs::create_directory(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return ragdraft::utf8_text(path_ / utf8_path(name)); }
  std::string write(const std::string& name, const Bytes& bytes) const {
    std::ofstream(utf8_path(file(name)), std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    return file(name);
  }

 private:
  fs::path path_;
};

// The message of the Error that opening `path` throws; empty if it throws none.
std::string open_error(const std::string& path) {
  try {
    GgufFile::open(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Builder part(int number, int count, int tensors) {
  Builder builder;
  if (number == 0) builder.string("general.architecture", "llama");
  return builder.u16("split.no", uint16_t(number)).u16("split.count", uint16_t(count)).i32("split.tensors.count", tensors);
}

// Three parts with 0, 2 and 1 tensors, as "m-0000?-of-00003.gguf".
struct SplitModel {
  Builder parts[3] = {part(0, 3, 3), part(1, 3, 3), part(2, 3, 3)};
  TempFolder folder;

  SplitModel() {
    parts[1].tensor("a", {4}, 0, counting_bytes(16)).tensor("b", {32}, 8, counting_bytes(34));
    parts[2].tensor("c", {2, 2}, 0, counting_bytes(16));
  }
  static std::string name(int number) { return "m-0000" + std::to_string(number + 1) + "-of-00003.gguf"; }
  std::string path(int number) const { return folder.file(name(number)); }
  void write() const {
    for (int i = 0; i < 3; i++) folder.write(name(i), parts[i].build());
  }
};

}  // namespace

TEST("a file on disk reads as its bytes do") {
  const TempFolder folder;
  const Bytes bytes = sample().build();
  const auto file = GgufFile::open(folder.write("model \xc3\xa4.gguf", bytes));
  CHECK(file->file_bytes() == bytes.size() && file->metadata().size() == 18);
  const auto* tensor = file->tensor("blk.0.weight");
  CHECK(tensor && tensor->data[101] == std::byte(101) && reinterpret_cast<uintptr_t>(tensor->data) % 8 == 0);
  for (const auto& each : file->tensors()) {
    file->prefetch(each);
    file->release(each);
  }
  CHECK(tensor && tensor->data[101] == std::byte(101));
  const auto parsed = GgufFile::parse(bytes.data(), bytes.size());
  for (const auto& each : parsed->tensors()) parsed->release(each);
  CHECK(parsed->tensor("blk.0.weight")->data[101] == std::byte(101));  // memory that is not the reader's is left alone
}

TEST("paths that lead to no model file") {
  const TempFolder folder;
  const std::string file = folder.write("empty.gguf", {});
  CHECK_THROWS(kFileNotFound, GgufFile::open(folder.file("absent.gguf")));
  CHECK(contains(open_error(folder.file("absent.gguf")), "absent.gguf"));
  CHECK_THROWS(kFileNotFound, GgufFile::open(file + "/inside-a-file"));
  CHECK_THROWS(kFileRead, GgufFile::open(folder.file("")));
  CHECK(contains(open_error(folder.file("")), "is a directory"));
  CHECK_THROWS(kInvalidModel, GgufFile::open(file));
  CHECK_THROWS(kInvalidArgument, GgufFile::open(""));
  CHECK_THROWS(kInvalidArgument, GgufFile::open(file + std::string(1, '\0') + ".gguf"));
}

#ifndef _WIN32
TEST("a pipe is refused without waiting for its writer") {
  const TempFolder folder;
  CHECK(mkfifo(folder.file("pipe.gguf").c_str(), 0600) == 0);
  CHECK_THROWS(kFileRead, GgufFile::open(folder.file("pipe.gguf")));
}
#endif

TEST("the header is bounded: a sparse file of zeros cannot fill the memory") {
  const TempFolder folder;
  const uint64_t count = uint64_t{1} << 34;
  const std::string path = folder.write("sparse.gguf", Builder().entry("a", kArray, Writer().put(uint32_t(kU8)).put(count)).build());
  std::error_code no_sparse_files;
  fs::resize_file(path, count + 4096, no_sparse_files);
  if (no_sparse_files) return std::puts("# skipped: the file system has no sparse files"), void();
  CHECK_THROWS(kInvalidModel, GgufFile::open(path));
  CHECK(contains(open_error(path), "claims 17179869184 array elements"));
}

TEST("an error inside a file names the file") {
  const TempFolder folder;
  const std::string message = open_error(folder.write("bad.gguf", Builder().u32("", 1).build()));
  CHECK_MSG(contains(message, "bad.gguf: metadata key 0 has 0 bytes"), message);
}

TEST("any part of a split model opens all of it") {
  const SplitModel model;
  model.write();
  for (int i = 0; i < 3; i++) {
    const auto file = GgufFile::open(model.path(i));
    CHECK(file->get_string("general.architecture") == "llama" && file->get_int("split.no") == 0);
    CHECK(file->tensors().size() == 3 && file->tensors()[0].name == "a" && file->tensors()[2].name == "c");
    CHECK(file->tensor("b")->bytes == 34 && file->tensor("b")->data[33] == std::byte(33));
    CHECK(file->file_bytes() == fs::file_size(model.path(0)) + fs::file_size(model.path(1)) + fs::file_size(model.path(2)));
  }
}

TEST("a missing part is named") {
  for (int missing = 0; missing < 3; missing++) {
    const SplitModel model;
    model.write();
    fs::remove(model.path(missing));
    const std::string other = model.path(missing == 0 ? 1 : 0);
    CHECK_THROWS(kFileNotFound, GgufFile::open(other));
    CHECK(contains(open_error(other), SplitModel::name(missing)));
  }
}

TEST("parts that contradict each other are refused") {
  const struct {
    const char* what;
    void (*break_it)(SplitModel&);
    const char* says;
  } cases[] = {
      {"another count in part 2", [](SplitModel& m) { m.parts[1] = part(1, 4, 3); }, "contradict"},
      {"another number in part 2", [](SplitModel& m) { m.parts[1] = part(2, 3, 3); }, "contradict"},
      {"another tensor total in part 3", [](SplitModel& m) { m.parts[2] = part(2, 3, 2); }, "contradict"},
      {"part 2 of no split model", [](SplitModel& m) { m.parts[1] = sample(); }, "contradict"},
      {"fewer tensors than promised", [](SplitModel& m) { m.parts[2] = part(2, 3, 3); }, "the parts have 2 tensors"},
      {"more tensors than promised", [](SplitModel& m) { m.parts[0].tensor("d", {1}, 0, counting_bytes(4)); }, "the parts have 4 tensors"},
      {"a tensor name in two parts", [](SplitModel& m) { m.parts[2] = part(2, 3, 3).tensor("a", {4}, 0, counting_bytes(16)); },
       "'a' occurs twice"},
      {"the same key twice in part 2", [](SplitModel& m) { m.parts[1].u16("split.no", 1); }, "00002-of-00003.gguf: metadata 'split.no'"},
  };
  for (const auto& test : cases) {
    SplitModel model;
    test.break_it(model);
    model.write();
    CHECK_THROWS(kInvalidModel, GgufFile::open(model.path(0)));
    const std::string message = open_error(model.path(0));
    CHECK_MSG(contains(message, test.says), std::string(test.what) + ": " + message);
  }
}

TEST("a part that says impossible things of itself is refused") {
  const struct {
    const char* what;
    Builder builder;
    const char* says;
  } cases[] = {
      {"no split.no", Builder().u16("split.count", 3).i32("split.tensors.count", 0), "split.no or split.tensors.count is not"},
      {"no split.tensors.count", Builder().u16("split.count", 3).u16("split.no", 0), "split.no or split.tensors.count is not"},
      {"split.no past the count", part(3, 3, 0), "split.no is 3 of 3"},
      {"split.no below zero", Builder().i32("split.no", -1).u16("split.count", 3).i32("split.tensors.count", 0), "split.no is -1"},
      {"a negative split.count", Builder().i32("split.count", -3), "split.count is -3"},
      {"more parts than names", Builder().i32("split.count", 100000), "split.count is 100000"},
      {"split.count as a string", Builder().string("split.count", "3"), "'split.count' must be an integer"},
      {"the number of another part", part(1, 3, 0), "is named otherwise"},
      {"another count than its name", part(0, 2, 0), "is named otherwise"},
  };
  const TempFolder folder;
  for (const auto& test : cases) {
    const std::string path = folder.write("m-00001-of-00003.gguf", test.builder.build());
    CHECK_THROWS(kInvalidModel, GgufFile::open(path));
    CHECK_MSG(contains(open_error(path), test.says), std::string(test.what) + ": " + open_error(path));
  }
}

TEST("a part must be named as a part") {
  const TempFolder folder;
  const Bytes bytes = part(0, 2, 0).build();
  for (const char* name : {"m.gguf", "m-1-of-2.gguf", "m-00001-of-00002.bin", "m-00000-of-00002.gguf", "m_00001-of-00002.gguf",
                           "00001-of-00002.gguf", "m-0000x-of-00002.gguf", "m-00001of-00002.gguf"}) {
    const std::string path = folder.write(name, bytes);
    CHECK_THROWS(kInvalidModel, GgufFile::open(path));
    CHECK_MSG(contains(open_error(path), "is not named like"), name);
  }
}

TEST("a whole model may be named like a part, or say that it is one of one") {
  const TempFolder folder;
  CHECK(GgufFile::open(folder.write("m-00001-of-00002.gguf", sample().build()))->tensors().size() == 3);
  CHECK(GgufFile::open(folder.write("merged.gguf", part(0, 0, 9).build()))->get_int("split.count") == 0);
  CHECK(GgufFile::open(folder.write("single.gguf", part(0, 1, 0).build()))->get_int("split.count") == 1);
}
