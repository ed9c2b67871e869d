#include "io/gguf/gguf_parse.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "io/gguf/gguf_types.h"

namespace ragdraft::io {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr int64_t kDefaultAlignment = 32, kMinAlignment = 8, kMaxAlignment = int64_t{1} << 31;
constexpr size_t kMaxKeyBytes = 65535;
constexpr int kMaxArrayDepth = 4;                          // arrays of arrays: the format sets no limit, our stack does
constexpr size_t kMinEntryBytes = 8 + 1 + 4 + 1;           // length and one byte of the key, type id, a one-byte value
constexpr size_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;  // name, number of dimensions, one of them, type id, offset
// Metadata and tensor directory together; real ones stay below 20 MiB. Widened to int64, this much is a GiB at most: a
// sparse file of terabytes cannot make us allocate more.
constexpr size_t kMaxHeaderBytes = size_t{128} << 20;

[[noreturn]] void bad_value_type(uint32_t id) { invalid("unknown value type " + std::to_string(id)); }

// Reads one number as stored (`Stored`) and returns it as the type we keep.
template <class Stored>
int64_t read_integer(ByteReader& reader) {
  const auto value = reader.number<Stored>("a value");
  if constexpr (std::is_same_v<Stored, uint64_t>) {
    if (value > uint64_t(std::numeric_limits<int64_t>::max())) invalid("the integer " + std::to_string(value) + " is above 2^63 - 1");
  }
  return int64_t(value);
}

bool read_bool(ByteReader& reader) {
  const auto value = reader.number<uint8_t>("a value");
  if (value > 1) invalid("a boolean is stored as " + std::to_string(value));
  return value == 1;
}

template <class Value, class Read>
MetaArray read_elements(ByteReader& reader, ValueType type, uint64_t count, size_t element_bytes, Read read) {
  reader.expect_room(count, element_bytes, "array elements");
  std::vector<Value> elements;
  elements.reserve(size_t(count));
  for (uint64_t i = 0; i < count; i++) elements.push_back(read(reader));
  return {uint32_t(type), std::move(elements)};
}

template <class Stored>
MetaArray read_integers(ByteReader& reader, ValueType type, uint64_t count) {
  return read_elements<int64_t>(reader, type, count, sizeof(Stored), read_integer<Stored>);
}

template <class Stored>
MetaArray read_floats(ByteReader& reader, ValueType type, uint64_t count) {
  return read_elements<double>(reader, type, count, sizeof(Stored), [](ByteReader& r) { return double(r.number<Stored>("a value")); });
}

MetaArray read_array(ByteReader& reader, int depth) {
  if (depth > kMaxArrayDepth) invalid("arrays are nested deeper than " + std::to_string(kMaxArrayDepth));
  const auto type = ValueType(reader.number<uint32_t>("an array's element type"));
  const auto count = reader.number<uint64_t>("an array's length");
  switch (type) {
    case ValueType::kUint8: return read_integers<uint8_t>(reader, type, count);
    case ValueType::kInt8: return read_integers<int8_t>(reader, type, count);
    case ValueType::kUint16: return read_integers<uint16_t>(reader, type, count);
    case ValueType::kInt16: return read_integers<int16_t>(reader, type, count);
    case ValueType::kUint32: return read_integers<uint32_t>(reader, type, count);
    case ValueType::kInt32: return read_integers<int32_t>(reader, type, count);
    case ValueType::kUint64: return read_integers<uint64_t>(reader, type, count);
    case ValueType::kInt64: return read_integers<int64_t>(reader, type, count);
    case ValueType::kFloat32: return read_floats<float>(reader, type, count);
    case ValueType::kFloat64: return read_floats<double>(reader, type, count);
    case ValueType::kBool: return read_elements<bool>(reader, type, count, 1, read_bool);
    case ValueType::kString:
      return read_elements<std::string_view>(reader, type, count, 8, [](ByteReader& r) { return r.string("a string of an array"); });
    case ValueType::kArray:
      return read_elements<MetaArray>(reader, type, count, 4 + 8, [depth](ByteReader& r) { return read_array(r, depth + 1); });
  }
  bad_value_type(uint32_t(type));
}

MetaValue read_value(ByteReader& reader) {
  const auto id = reader.number<uint32_t>("a value's type");
  switch (ValueType(id)) {
    case ValueType::kUint8: return {id, read_integer<uint8_t>(reader)};
    case ValueType::kInt8: return {id, read_integer<int8_t>(reader)};
    case ValueType::kUint16: return {id, read_integer<uint16_t>(reader)};
    case ValueType::kInt16: return {id, read_integer<int16_t>(reader)};
    case ValueType::kUint32: return {id, read_integer<uint32_t>(reader)};
    case ValueType::kInt32: return {id, read_integer<int32_t>(reader)};
    case ValueType::kUint64: return {id, read_integer<uint64_t>(reader)};
    case ValueType::kInt64: return {id, read_integer<int64_t>(reader)};
    case ValueType::kFloat32: return {id, double(reader.number<float>("a value"))};
    case ValueType::kFloat64: return {id, reader.number<double>("a value")};
    case ValueType::kBool: return {id, read_bool(reader)};
    case ValueType::kString: return {id, reader.string("a string")};
    case ValueType::kArray: return {id, read_array(reader, 1)};
  }
  bad_value_type(id);
}

Metadata read_metadata(ByteReader& reader, uint64_t count) {
  Metadata metadata;
  for (uint64_t i = 0; i < count; i++) {
    const std::string_view key = reader.string("a metadata key");
    if (key.empty() || key.size() > kMaxKeyBytes)
      invalid("metadata key " + std::to_string(i) + " has " + std::to_string(key.size()) + " bytes");
    in_context("metadata " + quoted(key), [&] { metadata.add(key, read_value(reader)); });
  }
  return metadata;
}

uint32_t read_version(ByteReader& reader) {
  if (reader.number<uint32_t>("the magic number") != kMagic) invalid("not a GGUF file (it does not begin with \"GGUF\")");
  const auto version = reader.number<uint32_t>("the version");
  if (version == 2 || version == 3) return version;
  if (version == 0) invalid("GGUF version 0 does not exist");
  const bool swapped = (version & 0xffff) == 0;
  throw Error(Code::kUnsupportedModel, swapped ? "a big-endian GGUF file; only little-endian files are supported"
                                               : "GGUF version " + std::to_string(version) + "; versions 2 and 3 are supported");
}

uint64_t alignment_of(const Metadata& metadata) {
  const int64_t alignment = metadata.get_int("general.alignment").value_or(kDefaultAlignment);
  if (alignment < kMinAlignment || alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0) {
    invalid("general.alignment is " + std::to_string(alignment) + ", not a power of two of at least 8");
  }
  return uint64_t(alignment);
}

}  // namespace

ParsedPart parse_part(const std::byte* data, size_t size) {
  ByteReader reader(data, std::min(size, kMaxHeaderBytes));
  ParsedPart part;
  part.version = read_version(reader);
  const auto tensor_count = reader.number<uint64_t>("the tensor count");
  const auto entry_count = reader.number<uint64_t>("the metadata count");
  reader.expect_room(entry_count, kMinEntryBytes, "metadata entries");
  part.metadata = read_metadata(reader, entry_count);
  reader.expect_room(tensor_count, kMinTensorBytes, "tensors");
  part.tensors = parse_tensors(reader, tensor_count, alignment_of(part.metadata), data, size);
  return part;
}

}  // namespace ragdraft::io
