// The GGUF reader: what a valid file gives, and the exact error of every kind of malformed one.
#include "io/gguf/gguf.h"

#include <optional>

#include "gguf_builder.h"
#include "tap.h"

using namespace gguf_test;
using ragdraft::Code;
using ragdraft::Error;
using ragdraft::io::GgufFile;
using ragdraft::io::MetaArray;

namespace {

std::shared_ptr<const GgufFile> parse(const Bytes& bytes) { return GgufFile::parse(bytes.data(), bytes.size()); }

// Reads everything that a parsed file offers, as a sanitizer's bait. Returns a number that depends on all of it.
size_t touch(const GgufFile& file) {
  size_t sum = file.metadata().size();
  for (const auto& [key, value] : file.metadata()) sum += key.size() + (file.find(key) == &value);
  for (const auto& tensor : file.tensors()) {
    for (size_t i = 0; i < tensor.bytes; i++) sum += size_t(tensor.data[i]);
  }
  return sum;
}

// Parses a copy of exactly that many bytes on the heap, where an access past the end is seen.
std::optional<Error> parse_error(const Bytes& bytes) {
  const Bytes exact(bytes.begin(), bytes.end());
  try {
    touch(*parse(exact));
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace

TEST("versions 2 and 3 give every value and tensor back") {
  for (const uint32_t version : {2u, 3u}) {
    Builder builder = sample();
    builder.version = version;
    const Bytes bytes = builder.build();
    const auto file = parse(bytes);
    CHECK(file->version() == version);
    CHECK(file->file_bytes() == bytes.size());
    CHECK(file->metadata().size() == 18);
    CHECK(file->metadata()[0].first == "general.architecture" && file->metadata()[17].first == "t.nested");
    CHECK(file->get_string("general.architecture") == "llama");
    CHECK(file->get_int("t.u8") == 200 && file->get_int("t.i8") == -100);
    CHECK(file->get_int("t.u16") == 60000 && file->get_int("t.i16") == -30000);
    CHECK(file->get_int("llama.block_count") == 2 && file->get_int("t.i32") == -2000000000);
    CHECK(file->get_int("t.u64") == int64_t{1} << 62 && file->get_int("t.i64") == -(int64_t{1} << 62));
    CHECK(file->get_float("t.f32") == 0.5 && file->get_float("t.f64") == 1e300 && file->get_bool("t.bool") == true);
    CHECK(file->find("t.i16")->type == kI16);

    CHECK(file->tensors().size() == 3);
    const auto* matrix = file->tensor("blk.0.weight");
    CHECK(matrix && matrix == &file->tensors()[1] && matrix->type_id == 8 && matrix->bytes == 102);
    CHECK(matrix->shape == (std::vector<int64_t>{32, 3}));
    for (size_t i = 0; i < matrix->bytes; i++) CHECK(matrix->data[i] == std::byte(i));
    CHECK(file->tensor("blk.1.weight")->data + 48 == bytes.data() + bytes.size());
    CHECK(file->tensor("absent") == nullptr && file->tensor("") == nullptr);
  }
}

TEST("arrays come by element type") {
  const Bytes bytes = sample().build();
  const auto file = parse(bytes);
  const auto* tokens = file->find_array("tokenizer.ggml.tokens")->as<std::string_view>();
  CHECK(tokens && *tokens == (std::vector<std::string_view>{"<s>", "", "\xc3\xa4 long enough not to be a short string"}));
  CHECK(*file->find_array("tokenizer.ggml.token_type")->as<int64_t>() == (std::vector<int64_t>{3, 1, -1}));
  CHECK(*file->find_array("tokenizer.ggml.scores")->as<double>() == (std::vector<double>{0.0, -1.5}));
  CHECK(*file->find_array("t.bools")->as<bool>() == (std::vector<bool>{true, false, true}));
  CHECK(file->find_array("tokenizer.ggml.scores")->as<int64_t>() == nullptr);
  const auto* nested = file->find_array("t.nested")->as<MetaArray>();
  CHECK(nested && nested->size() == 2);
  CHECK(*nested->at(0).as<int64_t>() == (std::vector<int64_t>{1, 2}));
  CHECK(nested->at(1).element_type == kString && nested->at(1).size() == 0);
}

TEST("typed getters: absent is empty, another type is an error that names the key") {
  const Bytes bytes = sample().build();
  const auto file = parse(bytes);
  CHECK(!file->find("x") && !file->find_array("x") && !file->get_int("x") && !file->get_float("x") && !file->get_bool("x"));
  CHECK(!file->get_string("x"));
  CHECK(file->get_float("t.u16") == 60000.0);
  CHECK_THROWS(kInvalidModel, file->get_int("t.f32"));
  CHECK_THROWS(kInvalidModel, file->get_int("t.bool"));
  CHECK_THROWS(kInvalidModel, file->get_float("general.architecture"));
  CHECK_THROWS(kInvalidModel, file->get_float("t.bool"));
  CHECK_THROWS(kInvalidModel, file->get_bool("t.u8"));
  CHECK_THROWS(kInvalidModel, file->get_string("tokenizer.ggml.tokens"));
  CHECK_THROWS(kInvalidModel, file->find_array("t.u8"));
  std::string message;
  try {
    file->get_string("t.u8");
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK_MSG(message.find("'t.u8' must be a string") != std::string::npos, message);
}

TEST("a file without tensors may end after its metadata") {
  const Bytes bytes = Builder().string("general.architecture", "llama").build();
  CHECK(parse(bytes)->tensors().empty());
  CHECK(parse(Builder().build())->metadata().empty());
}

TEST("general.alignment moves the tensor data") {
  Builder builder;
  builder.alignment = 1024;
  const Bytes bytes =
      builder.u32("general.alignment", 1024).tensor("w", {1}, 0, counting_bytes(4)).tensor("v", {1}, 0, counting_bytes(4)).build();
  const auto file = parse(bytes);
  CHECK(file->tensor("w")->data == bytes.data() + 1024 && file->tensor("v")->data == bytes.data() + 2048);
}

TEST("tensors that we do not run are listed, but are no matrix") {
  const Bytes bytes = Builder().tensor("w", {32, 2}, 7, counting_bytes(48)).tensor("cube", {4, 1, 2}, 0, counting_bytes(32)).build();
  const auto file = parse(bytes);
  CHECK(file->tensor("w")->bytes == 48);
  CHECK(ragdraft::io::type_name(7) == "Q5_1" && ragdraft::io::type_name(12) == "Q4_K" && ragdraft::io::type_name(99) == "type 99");
  CHECK_THROWS(kUnsupportedModel, as_matrix(*file->tensor("w")));
  CHECK_THROWS(kUnsupportedModel, as_matrix(*file->tensor("cube")));
}

TEST("a vector is a matrix of one row") {
  const Bytes bytes = sample().build();
  const auto file = parse(bytes);
  const auto vector = as_matrix(*file->tensor("norm.weight")), matrix = as_matrix(*file->tensor("blk.0.weight"));
  CHECK(vector.rows == 1 && vector.columns == 5 && vector.type == ragdraft::formats::DType::kF32);
  CHECK(matrix.rows == 3 && matrix.columns == 32 && matrix.data == file->tensor("blk.0.weight")->data);
}

TEST("a file cut at any byte is malformed") {
  for (const uint32_t version : {2u, 3u}) {
    Builder builder = sample();
    builder.version = version;
    const Bytes whole = builder.build();
    CHECK(!parse_error(whole));
    for (size_t length = 0; length < whole.size(); length++) {
      const auto error = parse_error(Bytes(whole.begin(), whole.begin() + ptrdiff_t(length)));
      CHECK_MSG(error && error->code() == Code::kInvalidModel, std::to_string(length));
    }
  }
}

TEST("a file with any byte changed is read or refused, never more") {
  const Bytes whole = sample().build();
  size_t refused = 0;
  for (size_t at = 0; at < whole.size(); at++) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      Bytes changed = whole;
      changed[at] ^= std::byte(flip);
      const auto error = parse_error(changed);
      const bool typed = !error || error->code() == Code::kInvalidModel || error->code() == Code::kUnsupportedModel;
      CHECK_MSG(typed, std::to_string(at));
      refused += error.has_value();
    }
  }
  CHECK(refused > 500);
}
