// One table of malformed files: what is wrong, and the code and the words by which the reader refuses it.
#include <functional>
#include <limits>

#include "gguf_builder.h"
#include "io/gguf/gguf.h"
#include "tap.h"

using namespace gguf_test;
using ragdraft::Code;
using ragdraft::Error;
using ragdraft::io::GgufFile;

namespace {

constexpr uint64_t kHuge = uint64_t{1} << 60, kMax = std::numeric_limits<uint64_t>::max();
constexpr uint32_t kTypeF32 = 0, kTypeQ8_0 = 8, kTypeQ4K = 12;

struct Malformed {
  const char* what;
  Code code;
  const char* says;                        // part of the message
  std::function<void(Builder&)> break_it;  // changes an empty builder, or adds to it
};

Writer array_header(uint32_t element_type, uint64_t count) { return Writer().put(element_type).put(count); }

Writer nested_arrays(int depth) {
  Writer writer;
  for (int i = 1; i < depth; i++) writer.put(uint32_t(kArray)).put(uint64_t(1));
  return writer.put(uint32_t(kU8)).put(uint64_t(0));
}

void one_tensor(Builder& b, const std::vector<uint64_t>& shape, uint32_t type, size_t bytes) {
  b.tensor("w", shape, type, counting_bytes(bytes));
}

// `count` is stored as the length of an array of `type` that has 16 bytes.
Malformed huge_array(const char* what, uint32_t type, uint64_t count) {
  return {what, Code::kInvalidModel, "array elements",
          [=](Builder& b) { b.entry("a", kArray, array_header(type, count).put(uint64_t(0)).put(uint64_t(0))); }};
}

Malformed bad_alignment(const char* what, int64_t alignment) {
  return {what, Code::kInvalidModel, "general.alignment is", [=](Builder& b) {
            b.entry("general.alignment", kI64, Writer().put(alignment));
            one_tensor(b, {1}, kTypeF32, 4);
          }};
}

const std::vector<Malformed>& header_cases() {
  static const std::vector<Malformed> cases = {
      {"another magic number", Code::kInvalidModel, "not a GGUF file", [](Builder& b) { b.magic = 0x04034b50; }},
      {"the old ggml magic", Code::kInvalidModel, "not a GGUF file", [](Builder& b) { b.magic = 0x67676d6c; }},
      {"version 0", Code::kInvalidModel, "version 0", [](Builder& b) { b.version = 0; }},
      {"version 1", Code::kUnsupportedModel, "GGUF version 1", [](Builder& b) { b.version = 1; }},
      {"version 4", Code::kUnsupportedModel, "GGUF version 4", [](Builder& b) { b.version = 4; }},
      {"big-endian", Code::kUnsupportedModel, "big-endian", [](Builder& b) { b.version = 0x03000000; }},
      {"huge metadata count", Code::kInvalidModel, "metadata entries", [](Builder& b) { b.entry_count = kHuge; }},
      {"largest metadata count", Code::kInvalidModel, "metadata entries", [](Builder& b) { b.entry_count = kMax; }},
      {"one metadata entry too many", Code::kInvalidModel, "metadata", [](Builder& b) { b.u32("a", 1).entry_count = 2; }},
      {"huge tensor count", Code::kInvalidModel, "claims 1152921504606846976 tensors", [](Builder& b) { b.tensor_count = kHuge; }},
      {"largest tensor count", Code::kInvalidModel, "tensors", [](Builder& b) { b.tensor_count = kMax; }},
      {"one tensor too many", Code::kInvalidModel, "name has 0 bytes",
       [](Builder& b) {
         one_tensor(b, {8}, kTypeF32, 32);
         b.tensor_count = 2;
       }},
  };
  return cases;
}

const std::vector<Malformed>& metadata_cases() {
  static const std::vector<Malformed> cases = {
      {"empty key", Code::kInvalidModel, "key 0 has 0 bytes", [](Builder& b) { b.u32("", 1); }},
      {"key of 65536 bytes", Code::kInvalidModel, "has 65536 bytes", [](Builder& b) { b.u32(std::string(65536, 'k'), 1); }},
      {"duplicate key", Code::kInvalidModel, "'twin': the key occurs twice", [](Builder& b) { b.u32("twin", 1).string("twin", "x"); }},
      {"unknown value type", Code::kInvalidModel, "unknown value type 13", [](Builder& b) { b.entry("a", 13, Writer().put(uint64_t(0))); }},
      {"largest value type", Code::kInvalidModel, "unknown value type 4294967295",
       [](Builder& b) { b.entry("a", 0xffffffff, Writer().put(uint64_t(0))); }},
      {"boolean of 2", Code::kInvalidModel, "boolean is stored as 2", [](Builder& b) { b.entry("a", kBool, Writer().put(uint8_t(2))); }},
      {"boolean of 255 in an array", Code::kInvalidModel, "boolean is stored as 255",
       [](Builder& b) {
         b.numbers<uint8_t>("a", kBool, {1, 255});
       }},
      {"u64 above the largest i64", Code::kInvalidModel, "above 2^63 - 1",
       [](Builder& b) { b.entry("a", kU64, Writer().put(uint64_t(1) << 63)); }},
      {"u64 above the largest i64 in an array", Code::kInvalidModel, "above 2^63 - 1",
       [](Builder& b) {
         b.numbers<uint64_t>("a", kU64, {1, kMax});
       }},
      {"string longer than the file", Code::kInvalidModel, "ends inside a string",
       [](Builder& b) { b.entry("a", kString, Writer().put(uint64_t(1000)).put('x')); }},
      {"string of 2^64 - 1 bytes", Code::kInvalidModel, "ends inside a string",
       [](Builder& b) { b.entry("a", kString, Writer().put(kMax).put(uint64_t(0))); }},
      {"key longer than the file", Code::kInvalidModel, "ends inside a metadata key",
       [](Builder& b) { b.entry("a", kString, Writer().text("").put(uint64_t(1000)).put(uint64_t(0))).entry_count = 2; }},
      {"string in an array longer than the file", Code::kInvalidModel, "ends inside a string of an array",
       [](Builder& b) { b.entry("a", kArray, array_header(kString, 1).put(kHuge)); }},
      {"unknown element type", Code::kInvalidModel, "unknown value type 77",
       [](Builder& b) { b.entry("a", kArray, array_header(77, 1).put(uint64_t(0))); }},
      {"unknown element type of an empty array", Code::kInvalidModel, "unknown value type 13",
       [](Builder& b) { b.entry("a", kArray, array_header(13, 0)); }},
      {"arrays nested five deep", Code::kInvalidModel, "nested deeper than 4", [](Builder& b) { b.entry("a", kArray, nested_arrays(5)); }},
      {"arrays nested 100000 deep", Code::kInvalidModel, "nested deeper than 4",
       [](Builder& b) { b.entry("a", kArray, nested_arrays(100000)); }},
      huge_array("2^60 bytes", kU8, kHuge),
      huge_array("2^60 booleans", kBool, kHuge),
      huge_array("2^60 strings", kString, kHuge),
      huge_array("2^60 arrays", kArray, kHuge),
      huge_array("2^61 + 1 doubles: 8 bytes in 64-bit arithmetic", kF64, (uint64_t{1} << 61) + 1),
      huge_array("2^62 + 1 integers: 4 bytes in 64-bit arithmetic", kI32, (uint64_t{1} << 62) + 1),
      huge_array("three u64 in 16 bytes", kU64, 3),
      bad_alignment("alignment 0", 0),
      bad_alignment("alignment 4", 4),
      bad_alignment("alignment 48", 48),
      bad_alignment("alignment -32", -32),
      bad_alignment("alignment 2^40", int64_t{1} << 40),
      {"alignment as a string", Code::kInvalidModel, "'general.alignment' must be an integer",
       [](Builder& b) { b.string("general.alignment", "32"); }},
  };
  return cases;
}

const std::vector<Malformed>& tensor_cases() {
  static const std::vector<Malformed> cases = {
      {"no dimensions", Code::kInvalidModel, "'w': has 0 dimensions", [](Builder& b) { one_tensor(b, {}, kTypeF32, 64); }},
      {"five dimensions", Code::kInvalidModel, "has 5 dimensions",
       [](Builder& b) {
         one_tensor(b, {1, 1, 1, 1, 1}, kTypeF32, 4);
       }},
      {"a dimension of zero", Code::kInvalidModel, "dimension of 0",
       [](Builder& b) {
         one_tensor(b, {4, 0}, kTypeF32, 16);
       }},
      {"a dimension of 2^63", Code::kInvalidModel, "dimension of 9223372036854775808",
       [](Builder& b) { one_tensor(b, {uint64_t{1} << 63}, kTypeF32, 16); }},
      {"2^32 x 2^32 elements: 0 in 64-bit arithmetic", Code::kInvalidModel, "more than 2^63 - 1 elements",
       [](Builder& b) {
         one_tensor(b, {uint64_t{1} << 32, uint64_t{1} << 32}, kTypeF32, 16);
       }},
      {"2^62 floats: 0 bytes in 64-bit arithmetic", Code::kInvalidModel, "more than 2^63 - 1 bytes",
       [](Builder& b) { one_tensor(b, {uint64_t{1} << 62}, kTypeF32, 16); }},
      {"Q8_0 row of 33", Code::kInvalidModel, "not a multiple of Q8_0's block of 32",
       [](Builder& b) { one_tensor(b, {33}, kTypeQ8_0, 68); }},
      {"Q4_K row of 32, 8 rows", Code::kInvalidModel, "Q4_K's block of 256",
       [](Builder& b) {
         one_tensor(b, {32, 8}, kTypeQ4K, 144);
       }},
      {"a withdrawn type", Code::kUnsupportedModel, "tensor 'w': unknown tensor type 4", [](Builder& b) { one_tensor(b, {32}, 4, 64); }},
      {"the largest type id", Code::kUnsupportedModel, "tensor 'w': unknown tensor type 4294967295",
       [](Builder& b) { one_tensor(b, {32}, 0xffffffff, 64); }},
      {"one byte short", Code::kInvalidModel, "outside the file", [](Builder& b) { one_tensor(b, {16}, kTypeF32, 63); }},
      {"offset past the end", Code::kInvalidModel, "outside the file",
       [](Builder& b) { b.tensor("w", {1}, kTypeF32, counting_bytes(4)).tensor_at("v", {1}, kTypeF32, 32); }},
      {"begins inside, ends behind the file", Code::kInvalidModel, "outside the file",
       [](Builder& b) { b.tensor("w", {8}, kTypeF32, counting_bytes(64)).tensor_at("v", {16}, kTypeF32, 32); }},
      {"offset near 2^64", Code::kInvalidModel, "outside the file",
       [](Builder& b) { b.tensor("w", {8}, kTypeF32, counting_bytes(32)).tensor_at("v", {8}, kTypeF32, kMax - 31); }},
      {"no data at all", Code::kInvalidModel, "outside the file", [](Builder& b) { b.tensor_at("w", {1}, kTypeF32, 0); }},
      {"offset not aligned", Code::kInvalidModel, "not a multiple of the alignment 32",
       [](Builder& b) { b.tensor("w", {16}, kTypeF32, counting_bytes(128)).tensor_at("v", {1}, kTypeF32, 72); }},
      {"offset not aligned to general.alignment", Code::kInvalidModel, "alignment 64",
       [](Builder& b) {
         b.u32("general.alignment", 64).alignment = 64;
         b.tensor("w", {8}, kTypeF32, counting_bytes(128)).tensor_at("v", {1}, kTypeF32, 32);
       }},
      {"two tensors on the same bytes", Code::kInvalidModel, "overlap",
       [](Builder& b) { b.tensor("w", {8}, kTypeF32, counting_bytes(32)).tensor_at("v", {8}, kTypeF32, 0); }},
      {"a tensor that begins inside another", Code::kInvalidModel, "'w' and 'v' overlap",
       [](Builder& b) { b.tensor_at("v", {1}, kTypeF32, 32).tensor("w", {16}, kTypeF32, counting_bytes(64)); }},
      {"duplicate tensor name", Code::kInvalidModel, "'w' occurs twice",
       [](Builder& b) { b.tensor("w", {1}, kTypeF32, counting_bytes(4)).tensor("w", {1}, kTypeF32, counting_bytes(4)); }},
      {"empty tensor name", Code::kInvalidModel, "name has 0 bytes", [](Builder& b) { b.tensor("", {1}, kTypeF32, counting_bytes(4)); }},
      {"tensor name of 65 bytes", Code::kInvalidModel, "name has 65 bytes",
       [](Builder& b) { b.tensor(std::string(65, 'n'), {1}, kTypeF32, counting_bytes(4)); }},
      {"a name that would upset a terminal", Code::kInvalidModel, "tensor '\\x1b[2J\\xff': has 0 dimensions",
       [](Builder& b) { b.tensor("\x1b[2J\xff", {}, kTypeF32, counting_bytes(8)); }},
  };
  return cases;
}

void refuses_all(const std::vector<Malformed>& cases) {
  for (const Malformed& test : cases) {
    Builder builder;
    test.break_it(builder);
    const Bytes bytes = builder.build();
    bool refused = false;
    try {
      GgufFile::parse(bytes.data(), bytes.size());
    } catch (const Error& error) {
      refused = true;
      CHECK_MSG(error.code() == test.code, std::string(test.what) + ": " + std::string(code_name(error.code())));
      CHECK_MSG(std::string(error.what()).find(test.says) != std::string::npos, std::string(test.what) + ": " + error.what());
    }
    CHECK_MSG(refused, test.what);
  }
}

}  // namespace

TEST("malformed headers are refused") { refuses_all(header_cases()); }
TEST("malformed metadata are refused") { refuses_all(metadata_cases()); }
TEST("malformed tensor directories are refused") { refuses_all(tensor_cases()); }

TEST("arrays nested four deep are read") {
  const Bytes bytes = Builder().entry("a", kArray, nested_arrays(4)).build();
  CHECK(GgufFile::parse(bytes.data(), bytes.size())->find_array("a")->size() == 1);
}
