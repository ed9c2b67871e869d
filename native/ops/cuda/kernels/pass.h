// What varies from pass to pass, in device memory at an address that stays. It is uploaded once, before the pass; kernels read it there
// and take only what is the same in every pass of a shape as arguments, so that a pass can be captured as a graph and replayed.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace ragdraft::ops::cuda {

inline constexpr int kPassRows = 256;     // most rows of a pass
inline constexpr int kPassPages = 65536;  // most pages that its spans see together: 4 Mi tokens

struct PassRow {
  TokenId token;      // or unknown_draft()
  Position position;  // within the pages of its span
  Position rotation;  // the position that its key and queries are rotated by
  int32_t span;
};

// Consecutive rows of one sequence.
struct PassSpan {
  int32_t first_row, rows;
  Position first_position;  // of first_row; row first_row + r is at first_position + r and sees the keys 0 .. first_position + r
  int32_t first_page;       // pages[first_page + i] holds positions [64 i, 64 i + 64)
};

struct Pass {
  int32_t rows, spans, wanted;  // wanted: rows whose logits are asked for
  int32_t reserved;
  PassRow row[kPassRows];
  PassSpan span[kPassRows];
  int32_t wanted_row[kPassRows];
  std::byte* pages[kPassPages];  // last: only what is used is uploaded
};

// A grid may be larger than the pass: blocks of rows from pass->rows on do nothing.

}  // namespace ragdraft::ops::cuda
