// The head of a file of packed weights: which matrices it holds, where, and digests of all of it.
//
//   offset  bytes
//   0       8      "RAGDRAFT"
//   8       4      version of this format, 2; as all numbers little-endian, so that a file of another byte order is one of another version
//   12      4      bytes of the head, its digest included
//   16      8      bytes of the file
//   24      8      name of the contents: what the file is called after (see weights_store.h)
//   32      8      number of matrices; then for each of them
//                    name and layout: u64 length and so many bytes each; u32 GGUF type; u64 rows, columns, offset, bytes, digest
//   end - 8 8      digest of the head before it
//
// The packed bytes of the matrices follow in the order of the table, each at a multiple of 4,096.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "formats/dtype.h"

namespace ragdraft::io {

inline constexpr uint64_t kMatrixAlignment = 4096;

struct StoredMatrix {
  std::string name;    // of the tensor in the model file
  std::string layout;  // ops::Backend::packed_layout
  formats::DType type = formats::DType::kF32;
  int64_t rows = 0, columns = 0;
  uint64_t offset = 0, bytes = 0;
  uint64_t digest = 0;  // of the packed bytes
};

struct WeightsTable {
  uint64_t contents = 0;
  uint64_t file_bytes = 0;
  std::vector<StoredMatrix> matrices;
};

// Gives the matrices their offsets, and the table its file_bytes.
void place(WeightsTable& table);
// The head, as long as place() has reckoned with.
std::vector<std::byte> encode(const WeightsTable& table, const DigestKey& key);

// Reads the head of `file`, the whole of it as mapped; touches nothing after the head. Every number is checked: sizes against the
// file, extents against each other, types. Throws kInvalidModel with the reason.
WeightsTable decode(std::span<const std::byte> file, const DigestKey& key);

}  // namespace ragdraft::io
