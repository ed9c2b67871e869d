// The tensor directory: every extent is derived and checked against the file and against its neighbours.
#include <algorithm>
#include <limits>
#include <optional>

#include "io/gguf/gguf_parse.h"
#include "io/gguf/gguf_types.h"

namespace ragdraft::io {
namespace {

constexpr size_t kMaxNameBytes = 64;  // of the specification
constexpr uint32_t kMaxDimensions = 4;

std::optional<uint64_t> checked_product(uint64_t a, uint64_t b) {
  if (b != 0 && a > uint64_t(std::numeric_limits<int64_t>::max()) / b) return std::nullopt;
  return a * b;
}

std::vector<int64_t> read_shape(ByteReader& reader) {
  const auto dimensions = reader.number<uint32_t>("a number of dimensions");
  if (dimensions < 1 || dimensions > kMaxDimensions) invalid("has " + std::to_string(dimensions) + " dimensions, not 1 to 4");
  std::vector<int64_t> shape;
  for (uint32_t i = 0; i < dimensions; i++) {
    const auto extent = reader.number<uint64_t>("a dimension");
    if (extent < 1 || extent > uint64_t(std::numeric_limits<int64_t>::max())) invalid("has a dimension of " + std::to_string(extent));
    shape.push_back(int64_t(extent));
  }
  return shape;
}

uint64_t bytes_of(const std::vector<int64_t>& shape, uint32_t type_id) {
  const auto type = tensor_type(type_id);
  if (!type) throw Error(Code::kUnsupportedModel, "unknown tensor type " + std::to_string(type_id));
  const auto block = uint64_t(type->block_elements);
  if (uint64_t(shape[0]) % block != 0) {
    invalid("rows of " + std::to_string(shape[0]) + " elements are not a multiple of " + std::string(type->name) + "'s block of " +
            std::to_string(block));
  }
  std::optional<uint64_t> elements = 1;
  for (const int64_t extent : shape) {
    elements = checked_product(*elements, uint64_t(extent));
    if (!elements) invalid("has more than 2^63 - 1 elements");
  }
  const auto bytes = checked_product(*elements / block, uint64_t(type->block_bytes));
  if (!bytes) invalid("has more than 2^63 - 1 bytes");
  return *bytes;
}

struct Entry {
  TensorInfo info;
  uint64_t offset = 0, bytes = 0;  // of the section of tensor data
};

Entry read_entry(ByteReader& reader, uint64_t alignment) {
  Entry entry;
  const std::string_view name = reader.string("a tensor name");
  if (name.empty() || name.size() > kMaxNameBytes) invalid("a tensor name has " + std::to_string(name.size()) + " bytes, not 1 to 64");
  entry.info.name = name;
  in_context("tensor " + quoted(name), [&] {
    entry.info.shape = read_shape(reader);
    entry.info.type_id = reader.number<uint32_t>("a tensor's type");
    entry.offset = reader.number<uint64_t>("a tensor's offset");
    entry.bytes = bytes_of(entry.info.shape, entry.info.type_id);
    if (entry.offset % alignment != 0) {
      invalid("its offset " + std::to_string(entry.offset) + " is not a multiple of the alignment " + std::to_string(alignment));
    }
  });
  return entry;
}

// Gives the tensor its bytes in the file, which has `available` of them at `section`.
void place(Entry& entry, const std::byte* section, uint64_t available) {
  if (entry.offset > available || entry.bytes > available - entry.offset) {
    invalid("tensor " + quoted(entry.info.name) + ": bytes " + std::to_string(entry.offset) + " + " + std::to_string(entry.bytes) +
            " of the tensor data lie outside the file, which has " + std::to_string(available));
  }
  entry.info.data = section + entry.offset;
  entry.info.bytes = size_t(entry.bytes);
}

void reject_overlaps(const std::vector<TensorInfo>& tensors) {
  std::vector<const TensorInfo*> by_place;
  for (const TensorInfo& tensor : tensors) by_place.push_back(&tensor);
  std::sort(by_place.begin(), by_place.end(), [](const TensorInfo* a, const TensorInfo* b) { return a->data < b->data; });
  for (size_t i = 1; i < by_place.size(); i++) {
    const TensorInfo &left = *by_place[i - 1], &right = *by_place[i];
    if (right.data < left.data + left.bytes) invalid("tensors " + quoted(left.name) + " and " + quoted(right.name) + " overlap");
  }
}

}  // namespace

std::vector<TensorInfo> parse_tensors(ByteReader& reader, uint64_t count, uint64_t alignment, const std::byte* data, size_t size) {
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < count; i++) entries.push_back(read_entry(reader, alignment));

  // A file without tensors may end right here. One with tensors has at least a byte of data, so `place` sees to the rest.
  const uint64_t start = (uint64_t(reader.position()) + alignment - 1) / alignment * alignment;
  const uint64_t available = start < size ? size - start : 0;
  std::vector<TensorInfo> tensors;
  tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    place(entry, data + (available ? start : 0), available);
    tensors.push_back(std::move(entry.info));
  }
  reject_overlaps(tensors);
  return tensors;
}

}  // namespace ragdraft::io
