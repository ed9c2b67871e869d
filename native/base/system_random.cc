// Not std::random_device: libstdc++ reads it through arc4random where the build machine has it, which asks for glibc 2.36 at run time.
#include "base/system_random.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"

#if defined(_WIN32)
#include <windows.h>
// After windows.h, whose types it uses.
#include <bcrypt.h>
#else
#include <sys/random.h>
#endif

namespace ragdraft {
namespace {

// At most 256 bytes, the most that every system gives at once. Returns whether it did.
bool fill_piece(std::span<std::byte> piece) {
#if defined(_WIN32)
  return BCryptGenRandom(nullptr, reinterpret_cast<PUCHAR>(piece.data()), ULONG(piece.size()), BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0;
#elif defined(__linux__)
  ssize_t count;
  do count = getrandom(piece.data(), piece.size(), 0);
  while (count < 0 && errno == EINTR);
  return count == ssize_t(piece.size());
#else
  return getentropy(piece.data(), piece.size()) == 0;
#endif
}

}  // namespace

void fill_random(std::span<std::byte> bytes) {
  constexpr size_t kPiece = 256;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPiece, bytes.size())))
    check(fill_piece(bytes.first(std::min(kPiece, bytes.size()))), Code::kInternal, "the operating system gives no random numbers");
}

uint64_t random_word() {
  uint64_t word;
  fill_random(std::as_writable_bytes(std::span(&word, 1)));
  return word;
}

}  // namespace ragdraft
