// GGUF v2 / v3 reader over memory-mapped files, split files included. Everything is validated before use: counts, offsets,
// alignment, types, string lengths, overlaps. A malformed file is Error{kInvalidModel}; nothing in a file can crash us.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tensor/dtype.h"

namespace ragdraft::io {

class MappedFile;

// One metadata value. Integers of all widths become int64 (u64 above INT64_MAX is an error), floats become double.
struct MetaValue;
struct MetaArray {
  uint32_t element_type;  // GGUF value type id
  std::vector<MetaValue> values;
};
struct MetaValue {
  uint32_t type;  // GGUF value type id: 0..12
  std::variant<int64_t, double, bool, std::string, MetaArray> value;
};

struct TensorInfo {
  std::string name;
  std::vector<int64_t> shape;  // GGUF order: shape[0] = contiguous dimension (columns); 1..4 dimensions, all >= 1
  uint32_t type_id;            // as stored; may be a type that we do not run
  const std::byte* data;       // inside the mapping
  size_t bytes;
};

class GgufFile {
 public:
  // Opens `path`; if it is a part of a split model ("-00001-of-0000N.gguf", split.* metadata) opens its siblings too.
  // Throws kFileNotFound, kFileRead, kInvalidModel.
  static std::shared_ptr<const GgufFile> open(const std::string& path);
  // For tests and fuzzing: parses one part from memory that outlives the result.
  static std::shared_ptr<const GgufFile> parse(const std::byte* data, size_t size);

  uint32_t version() const;
  const std::vector<std::pair<std::string, MetaValue>>& metadata() const;  // file order
  const std::vector<TensorInfo>& tensors() const;                         // file order, all parts

  const MetaValue* find(std::string_view key) const;  // nullptr if absent
  // Typed access; absent -> nullopt; present with another type -> Error{kInvalidModel} naming the key.
  std::optional<int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;  // ints accepted
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;
  // Tensor by name; nullptr if absent.
  const TensorInfo* tensor(std::string_view name) const;
  size_t file_bytes() const;  // of all parts

  struct Impl;
  explicit GgufFile(std::unique_ptr<Impl> impl);
  ~GgufFile();

 private:
  std::unique_ptr<Impl> impl_;
};

// 1-D or 2-D tensor as a matrix [rows, columns]; throws kUnsupportedModel for a type that we do not run.
tensor::MatrixView as_matrix(const TensorInfo& tensor);

}  // namespace ragdraft::io
