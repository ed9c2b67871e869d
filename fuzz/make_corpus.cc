// Writes the seeds of gguf_fuzzer into a folder: make_corpus FOLDER
#include <cstdio>
#include <fstream>

#include "gguf_builder.h"

using gguf_test::Builder;

namespace {

bool write(const std::string& path, const Builder& builder) {
  const gguf_test::Bytes bytes = builder.build();
  std::ofstream file(path, std::ios::binary);
  return bool(file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size())).flush());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: make_corpus FOLDER\n"), 2;
  const std::string folder = std::string(argv[1]) + "/";
  Builder old_version = gguf_test::sample();
  old_version.version = 2;
  Builder vocabulary;
  vocabulary.string("general.architecture", "qwen2").strings("tokenizer.ggml.tokens", {"a", "b"});
  Builder tensors;
  tensors.tensor("q4_k", {256}, 12, gguf_test::counting_bytes(144)).tensor("q6_k", {256, 2}, 14, gguf_test::counting_bytes(420));
  const bool ok = write(folder + "v3.gguf", gguf_test::sample()) && write(folder + "v2.gguf", old_version) &&
                  write(folder + "vocabulary.gguf", vocabulary) && write(folder + "tensors.gguf", tensors);
  if (!ok) std::fprintf(stderr, "make_corpus: cannot write to %s\n", argv[1]);
  return ok ? 0 : 1;
}
