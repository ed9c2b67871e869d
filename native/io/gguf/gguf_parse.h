// From the bytes of one GGUF file to its parts, validated: header -> metadata -> tensor directory -> tensor data.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/byte_reader.h"
#include "io/gguf/gguf.h"
#include "io/gguf/metadata.h"

namespace ragdraft::io {

struct ParsedPart {
  uint32_t version = 0;
  Metadata metadata;
  std::vector<TensorInfo> tensors;  // file order; names may still repeat
};

// Views in the result point into `data`. Throws kInvalidModel, kUnsupportedModel.
ParsedPart parse_part(const std::byte* data, size_t size);

// Reads `count` entries at the reader's place in the file of `size` bytes at `data`; the section of tensor data follows
// them, at the next multiple of `alignment` (a power of two).
std::vector<TensorInfo> parse_tensors(ByteReader& reader, uint64_t count, uint64_t alignment, const std::byte* data, size_t size);

}  // namespace ragdraft::io
