#include "io/packed_weights/weights_table.h"

#include <cstring>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "io/byte_reader.h"
#include "io/byte_writer.h"

namespace ragdraft::io {
namespace {

using io::invalid;

constexpr std::string_view kMagic = "RAGDRAFT";
constexpr uint32_t kVersion = 2;
constexpr size_t kStartBytes = 16, kFixedBytes = 40, kDigestBytes = 8;  // up to the head's size; up to the table
constexpr size_t kMaxHeadBytes = size_t(64) << 20;
constexpr size_t kMaxNameBytes = 64;  // of GGUF tensors; layouts have shorter ones
constexpr size_t kEntryBytes = 2 * 8 + 4 + 5 * 8;  // without the names' bytes

size_t head_bytes(const WeightsTable& table) {
  size_t bytes = kFixedBytes + kDigestBytes;
  for (const StoredMatrix& matrix : table.matrices) bytes += kEntryBytes + matrix.name.size() + matrix.layout.size();
  return bytes;
}

uint64_t aligned(uint64_t offset) { return (offset + kMatrixAlignment - 1) / kMatrixAlignment * kMatrixAlignment; }

std::string read_name(io::ByteReader& reader, const char* what) {
  const std::string_view name = reader.string(what);
  if (name.empty() || name.size() > kMaxNameBytes) invalid(std::string(what) + " has " + std::to_string(name.size()) + " bytes, not 1 to 64");
  return std::string(name);
}

int64_t read_extent(io::ByteReader& reader, const char* what) {
  const auto value = reader.number<uint64_t>(what);
  if (value < 1 || value > uint64_t(std::numeric_limits<int32_t>::max())) invalid("a matrix has " + std::to_string(value) + " " + what);
  return int64_t(value);
}

// `end`: of what lies before the matrix in the file.
StoredMatrix read_matrix(io::ByteReader& reader, uint64_t end, uint64_t file_bytes) {
  StoredMatrix matrix;
  matrix.name = read_name(reader, "a matrix's name");
  matrix.layout = read_name(reader, "a layout's name");
  const auto type = reader.number<uint32_t>("a type");
  if (!formats::is_supported(type)) invalid("a matrix has type " + std::to_string(type));
  matrix.type = formats::DType(type);
  matrix.rows = read_extent(reader, "rows");
  matrix.columns = read_extent(reader, "columns");
  matrix.offset = reader.number<uint64_t>("an offset");
  matrix.bytes = reader.number<uint64_t>("a size");
  matrix.digest = reader.number<uint64_t>("a digest");
  if (matrix.offset != aligned(end)) invalid("a matrix begins at " + std::to_string(matrix.offset) + ", the one before ends at " + std::to_string(end));
  if (matrix.bytes < 1 || matrix.offset > file_bytes || matrix.bytes > file_bytes - matrix.offset)
    invalid("a matrix of " + std::to_string(matrix.bytes) + " bytes at " + std::to_string(matrix.offset) + " lies outside the file");
  return matrix;
}

}  // namespace

void place(WeightsTable& table) {
  uint64_t end = head_bytes(table);
  for (StoredMatrix& matrix : table.matrices) {
    matrix.offset = aligned(end);
    end = matrix.offset + matrix.bytes;
  }
  table.file_bytes = end;
}

std::vector<std::byte> encode(const WeightsTable& table, const DigestKey& key) {
  io::ByteWriter out;
  for (const char letter : kMagic) out.number(letter);
  out.number(kVersion);
  out.number(uint32_t(head_bytes(table)));
  out.number(table.file_bytes);
  out.number(table.contents);
  out.number(uint64_t(table.matrices.size()));
  for (const StoredMatrix& matrix : table.matrices) {
    out.string(matrix.name);
    out.string(matrix.layout);
    out.number(uint32_t(matrix.type));
    out.number(uint64_t(matrix.rows));
    out.number(uint64_t(matrix.columns));
    out.number(matrix.offset);
    out.number(matrix.bytes);
    out.number(matrix.digest);
  }
  out.number(key.digest(out.bytes()));
  return out.bytes();
}

WeightsTable decode(std::span<const std::byte> file, const DigestKey& key) {
  if (file.size() < kFixedBytes + kDigestBytes || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0) invalid("no file of packed weights");
  io::ByteReader start(file.data() + kMagic.size(), kStartBytes - kMagic.size());
  const auto version = start.number<uint32_t>("the version");
  if (version != kVersion) invalid("version " + std::to_string(version) + " of the format, this is version " + std::to_string(kVersion));
  const auto head = size_t(start.number<uint32_t>("the head's size"));
  if (head < kFixedBytes + kDigestBytes || head > file.size() || head > kMaxHeadBytes) invalid("a head of " + std::to_string(head) + " bytes");
  uint64_t digest;
  std::memcpy(&digest, file.data() + head - kDigestBytes, sizeof digest);
  if (digest != key.digest(file.first(head - kDigestBytes))) invalid("the head is damaged, or was written under another key");

  io::ByteReader reader(file.data() + kStartBytes, head - kDigestBytes - kStartBytes);
  WeightsTable table;
  table.file_bytes = reader.number<uint64_t>("the file's size");
  if (table.file_bytes != file.size()) invalid(std::to_string(file.size()) + " bytes instead of " + std::to_string(table.file_bytes));
  table.contents = reader.number<uint64_t>("the contents");
  const auto count = reader.number<uint64_t>("a number of matrices");
  reader.expect_room(count, kEntryBytes, "matrices");
  uint64_t end = head;
  for (uint64_t i = 0; i < count; i++) {
    table.matrices.push_back(read_matrix(reader, end, file.size()));
    end = table.matrices.back().offset + table.matrices.back().bytes;
  }
  if (reader.remaining() != 0) invalid("a head that is longer than its table");
  if (end != file.size()) invalid("bytes after the last matrix");
  return table;
}

}  // namespace ragdraft::io
