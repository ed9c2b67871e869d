// libFuzzer target: whatever the head of a file of packed weights says, under a right digest or a wrong one, decode() returns a table
// whose matrices lie in the file, or throws its typed error.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "io/packed_weights/weights_table.h"

using namespace ragdraft;

namespace {

const DigestKey kKey({1, 2});

void touch(std::span<const std::byte> file) {
  try {
    const io::WeightsTable table = io::decode(file, kKey);
    uint64_t end = 0;
    for (const io::StoredMatrix& matrix : table.matrices) {
      const bool inside = matrix.offset >= end && matrix.bytes >= 1 && matrix.bytes <= file.size() && matrix.offset <= file.size() - matrix.bytes;
      if (!inside || matrix.offset % io::kMatrixAlignment != 0 || matrix.rows < 1 || matrix.columns < 1) std::abort();
      end = matrix.offset + matrix.bytes;
    }
  } catch (const Error& error) {
    if (error.code() != Code::kInvalidModel) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  touch({bytes, size});
  // The same with the digest that the head's own size asks for: behind it the numbers are checked.
  std::vector<std::byte> file(bytes, bytes + size);
  uint32_t head = 0;
  if (size >= 16) std::memcpy(&head, data + 12, sizeof head);
  if (head < 48 || head > size) return 0;
  const uint64_t digest = kKey.digest(std::span(file).first(head - sizeof(uint64_t)));
  std::memcpy(file.data() + head - sizeof digest, &digest, sizeof digest);
  touch(file);
  return 0;
}
