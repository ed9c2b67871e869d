// The 4-bit copy of a weight matrix: what it drafts with where nothing cheaper is nested in its own format.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "formats/dtype.h"

namespace ragdraft::ops {

// Whether a copy reads so much less that it is worth its memory: what is computed as F32, F16 or BF16, in whole blocks of 32 inputs. (Of Q6_K and Q5_K
// a copy would be 69 % and 82 %, for as much memory.)
bool draft_copy_pays(const formats::MatrixView& source) noexcept;

// Rows [first, first + rows) of `source` in Q4_0, by formats::quantize_q4_0. draft_copy_pays(source) must hold.
std::vector<std::byte> draft_copy_rows(const formats::MatrixView& source, int64_t first, int64_t rows);

}  // namespace ragdraft::ops
