// Normalisation and activation, over threads when there is enough of it.
#include <algorithm>

#include "ops/cpu/cpu_backend.h"

namespace ragdraft::ops {
namespace {

// Floats that one thread works through in the time it takes to wake another one.
constexpr size_t kSerialFloats = size_t(1) << 16;
// Floats of one task.
constexpr size_t kTaskFloats = size_t(1) << 14;

// Calls part(first, end) for consecutive ranges that cover [0, count); an item is `floats` floats.
template <class Part>
void for_ranges(ThreadPool& pool, size_t count, size_t floats, const Part& part) {
  if (count * floats <= kSerialFloats || pool.threads() == 1) return part(size_t(0), count);
  const size_t items = std::max<size_t>(1, kTaskFloats / floats);
  pool.parallel_for(int((count + items - 1) / items), [&](int index, int) {
    part(size_t(index) * items, std::min(count, (size_t(index) + 1) * items));
  });
}

}  // namespace

void CpuBackend::rms_norm(const float* x, const float* weight, float epsilon, int rows, int dim, float* out) {
  for_ranges(pool_, size_t(rows), size_t(dim), [&](size_t first, size_t end) {
    kernels_.elementwise.rms_norm(x + first * size_t(dim), weight, epsilon, int(end - first), dim, out + first * size_t(dim));
  });
}

void CpuBackend::swiglu(float* gate, const float* up, int rows, int dim) {
  for_ranges(pool_, size_t(rows), size_t(dim), [&](size_t first, size_t end) {
    const size_t at = first * size_t(dim);
    kernels_.elementwise.swiglu(gate + at, up + at, (end - first) * size_t(dim));
  });
}

}  // namespace ragdraft::ops
