// Writes the seeds of each fuzzer into FOLDER/gguf, FOLDER/model and FOLDER/weights: make_corpus FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "gguf_builder.h"
#include "io/packed_weights/weights_table.h"

using gguf_test::Builder;

namespace {

bool write(const std::string& path, const gguf_test::Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  return bool(file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size())).flush());
}

bool write(const std::string& path, const Builder& builder) { return write(path, builder.build()); }

// A file of packed weights of two matrices, zeros.
gguf_test::Bytes weights() {
  using namespace ragdraft;
  io::WeightsTable table;
  table.contents = 1;
  table.matrices = {{"a", "cpu-1-3", formats::DType::kQ8_0, 16, 32, 0, 600}, {"b", "cpu-1-0", formats::DType::kF32, 4, 4, 0, 64}};
  io::place(table);
  gguf_test::Bytes bytes = io::encode(table, DigestKey({1, 2}));
  bytes.resize(size_t(table.file_bytes));
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: make_corpus FOLDER\n"), 2;
  const std::string top = std::string(argv[1]) + "/", folder = top + "gguf/";
  std::filesystem::create_directories(top + "gguf");
  std::filesystem::create_directories(top + "weights");
  std::filesystem::create_directories(top + "model");
  Builder old_version = gguf_test::sample();
  old_version.version = 2;
  Builder vocabulary;
  vocabulary.string("general.architecture", "qwen2").strings("tokenizer.ggml.tokens", {"a", "b"});
  Builder tensors;
  tensors.tensor("q4_k", {256}, 12, gguf_test::counting_bytes(144)).tensor("q6_k", {256, 2}, 14, gguf_test::counting_bytes(420));
  const bool ok = write(folder + "v3.gguf", gguf_test::sample()) && write(folder + "v2.gguf", old_version) &&
                  write(folder + "vocabulary.gguf", vocabulary) && write(folder + "tensors.gguf", tensors) &&
                  write(top + "weights/two", weights()) && write(top + "model/llama", gguf_test::Bytes{std::byte(0)}) &&
                  write(top + "model/qwen2", gguf_test::Bytes{std::byte(1)});
  if (!ok) std::fprintf(stderr, "make_corpus: cannot write to %s\n", argv[1]);
  return ok ? 0 : 1;
}
