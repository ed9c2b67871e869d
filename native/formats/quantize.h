// From f32 to 4 bits: the other direction of dequantize_row, for the one type that weights are made into here.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ragdraft::formats {

// Rounds a row of `columns` (a multiple of 32) weights to Q4_0 blocks in `out`, row_bytes(kQ4_0, columns). Of three scales around the one
// that makes the largest weight a level, each fitted to the levels it leads to, a block takes the one of least squared error: 5 %
// less error on normal weights than the largest weight alone gives, 1 % more than the best scale there is.
// A block with a NaN or an infinity becomes NaN. Scales end where f16 does: weights up to 2^-22 become 0, those beyond 2^19 are cut off.
void quantize_q4_0(const float* row, int64_t columns, std::byte* out) noexcept;

}  // namespace ragdraft::formats
