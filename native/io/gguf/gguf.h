// GGUF v2 / v3 reader over memory-mapped files, split files included. Everything is validated before use: counts, offsets,
// alignment, types, string lengths, overlaps. A malformed file is Error{kInvalidModel}; nothing in a file can crash us. The
// header (metadata and tensor directory) may be 128 MiB, arrays may be nested four deep.
// The one exception: a file that is truncated or whose disk fails *while* it is mapped raises SIGBUS (POSIX) or an in-page
// error (Windows) at the next access to the lost pages; no check made at opening can prevent that.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "io/mapped_file.h"
#include "formats/dtype.h"

namespace ragdraft::io {

// An array of metadata. All widths of integers become int64, both widths of floats become double. Strings are views into the
// file (a vocabulary is 10^5 of them): they live as long as the GgufFile. To iterate, ask for the one type you accept:
//   if (const auto* tokens = array.as<std::string_view>()) for (std::string_view token : *tokens) ...
struct MetaArray {
  uint32_t element_type = 0;  // GGUF value type id: 0..12
  std::variant<std::vector<int64_t>, std::vector<double>, std::vector<bool>, std::vector<std::string_view>, std::vector<MetaArray>> values;

  // The elements if they are int64_t, double, bool, std::string_view or MetaArray (nested), else nullptr.
  template <class T>
  const std::vector<T>* as() const noexcept {
    return std::get_if<std::vector<T>>(&values);
  }
  size_t size() const noexcept {
    return std::visit([](const auto& elements) { return elements.size(); }, values);
  }
};

// One metadata value, converted as the elements of an array are; u64 above INT64_MAX is an error.
struct MetaValue {
  uint32_t type = 0;  // GGUF value type id: 0..12
  std::variant<int64_t, double, bool, std::string_view, MetaArray> value;
};

struct TensorInfo {
  std::string name;                 // 1..64 bytes, unique in the model
  std::vector<int64_t> shape;       // GGUF order: shape[0] = contiguous dimension (columns); 1..4 dimensions, all >= 1
  uint32_t type_id = 0;             // as stored; may be a type that we do not run
  const std::byte* data = nullptr;  // inside the mapping; 8-byte aligned in a mapped file
  size_t bytes = 0;
};

class GgufFile {
 public:
  // Opens `path`, UTF-8. If it is any part of a split model (split.* metadata) opens all parts, found beside it by the name
  // pattern "-00001-of-0000N.gguf"; the metadata is then that of part 1.
  // Throws kInvalidArgument, kFileNotFound, kFileRead, kInvalidModel, kUnsupportedModel, kOutOfMemory.
  static std::shared_ptr<const GgufFile> open(const std::string& path);
  // For tests and fuzzing: parses one part from memory that outlives the result.
  static std::shared_ptr<const GgufFile> parse(const std::byte* data, size_t size);

  uint32_t version() const;
  const std::vector<std::pair<std::string, MetaValue>>& metadata() const;  // file order
  const std::vector<TensorInfo>& tensors() const;                          // file order, all parts

  const MetaValue* find(std::string_view key) const;        // nullptr if absent
  const MetaArray* find_array(std::string_view key) const;  // nullptr if absent; not an array -> Error{kInvalidModel}
  // Typed access; absent -> nullopt; present with another type -> Error{kInvalidModel} naming the key.
  std::optional<int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;  // ints accepted
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;
  // Tensor by name; nullptr if absent.
  const TensorInfo* tensor(std::string_view name) const;
  size_t file_bytes() const;  // of all parts
  std::vector<MappedFile::Identity> identities() const;  // of all parts; empty if parsed from memory
  // Asks the OS to read the tensor's pages ahead; a hint, returns at once or after queueing the reads.
  void prefetch(const TensorInfo& tensor) const noexcept;
  // Takes the tensor's pages out of this process's memory, after use; a later access brings them back. A hint.
  void release(const TensorInfo& tensor) const noexcept;

  struct Impl;
  explicit GgufFile(std::unique_ptr<Impl> impl);
  ~GgufFile();

 private:
  std::unique_ptr<Impl> impl_;
};

// 1-D (one row) or 2-D tensor as a matrix [rows, columns]; throws kUnsupportedModel for a type that we do not run and for
// more dimensions.
formats::MatrixView as_matrix(const TensorInfo& tensor);

// "Q5_1": name of any type id of the format, also of those that we do not run; "type 99" if the id is unknown.
std::string type_name(uint32_t type_id);

}  // namespace ragdraft::io
