// What the packed layouts have in common. Outputs lie in strips of 16 (the rows of an mma), inputs in pairs of groups of 32; a strip and a
// pair are a tile. A layout is a few planes, arrays over [strip][pair], or a few of them over coarser runs of pairs; a lane's share of a
// tile are its operands of the mma. Outputs after the last one and the second group of an odd last pair are zeros, scales included.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/cuda/kernels/linear/inputs.h"
#include "ops/cuda/kernels/linear/linear.h"

namespace ragdraft::ops::cuda {

inline constexpr int kStripOutputs = 16;
inline constexpr int kMaxStrips = 2;  // of a thread block: what its inputs are loaded for
static_assert(kPackRows % (kMaxStrips * kStripOutputs) == 0);

struct TileShape {
  size_t strips, pairs;
  size_t tiles() const { return strips * pairs; }
};
// Strips are padded to whole blocks, so that no block looks where its matrix ends.
inline TileShape tile_shape(int64_t rows, int64_t columns) {
  constexpr int kBlockOutputs = kMaxStrips * kStripOutputs;
  return {size_t(rows + kBlockOutputs - 1) / kBlockOutputs * kMaxStrips, size_t(columns + 2 * kGroupInputs - 1) / (2 * kGroupInputs)};
}

// Planes one after the other, each at a multiple of 256 bytes.
class PlanePlacer {
 public:
  explicit PlanePlacer(uint8_t* memory) : start_(reinterpret_cast<uintptr_t>(memory)) {}
  template <class T>
  T* place(size_t count) {
    T* const plane = reinterpret_cast<T*>(start_ + size_);
    size_ += (count * sizeof(T) + 255) / 256 * 256;
    return plane;
  }
  size_t size() const { return size_; }

 private:
  const uintptr_t start_;  // a number: without memory the sizes are asked for
  size_t size_ = 0;
};

}  // namespace ragdraft::ops::cuda
