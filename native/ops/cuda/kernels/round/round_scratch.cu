#include "ops/cuda/kernels/round/round_scratch.h"

#include "base/error.h"

namespace ragdraft::ops::cuda {
namespace {

// Takes one array after the other off `memory`, which may be null where only the size is asked for.
struct Cursor {
  std::byte* const memory;
  size_t used = 0;
  template <class T>
  void take(T*& array, size_t count) {
    array = memory == nullptr ? nullptr : reinterpret_cast<T*>(memory + used);
    used += (count * sizeof(T) + 255) / 256 * 256;
  }
};

RoundScratch place(int rows, int valid, Cursor& cursor) {
  check(rows >= 1 && rows <= kRoundRows && valid >= 1 && valid <= kMostTokens, Code::kInternal, "a round of impossible size");
  RoundScratch scratch{};
  scratch.p.chunks = chunks_of(valid);
  const size_t chunks = size_t(scratch.p.chunks), count = size_t(rows) * chunks;
  cursor.take(scratch.p.best, count);
  cursor.take(scratch.p.mass, count);
  cursor.take(scratch.shift_peak, count);
  cursor.take(scratch.shift_mass, count);
  cursor.take(scratch.best_shifted, count);
  cursor.take(scratch.rejected, count);
  cursor.take(scratch.deficit, count);
  cursor.take(scratch.residual, chunks);
  cursor.take(scratch.whole, chunks);
  return scratch;
}

}  // namespace

size_t round_scratch_bytes(int rows, int valid) {
  Cursor cursor{nullptr};
  place(rows, valid, cursor);
  return cursor.used;
}

RoundScratch place_round_scratch(int rows, int valid, void* memory) {
  Cursor cursor{static_cast<std::byte*>(memory)};
  return place(rows, valid, cursor);
}

}  // namespace ragdraft::ops::cuda
