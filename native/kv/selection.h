// The pages that the self-drafter reads of the target's sequence: some of its beginning, and all from some position on.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "base/types.h"
#include "kv/layout.h"

namespace ragdraft::kv {

// Positions [begin, end) of a sequence.
struct TokenRange {
  Position begin, end;
};

// Keys were rotated by the positions that they have in the whole sequence, so the chosen pages can be read as they are. Rows that are
// appended are rotated by their positions in the whole sequence too. The sequence holds the pages, not the selection.
class Selection {
 public:
  // ranges: tokens to read, in any order; they are rounded out to whole pages. tail: a position; its page and all after it are read.
  // Throws kInvalidArgument for a range that does not lie in [0, tail).
  Selection(std::span<const TokenRange> ranges, Position tail);

  // Tokens before tail() that are left out, a multiple of kPageTokens.
  Position skipped() const { return (tail_page_ - int(kept_.size())) * kPageTokens; }
  Position tail() const { return tail_; }

  // The span of `rows` rows that are appended at position `length` >= tail(). pages: those of the sequence, enough for length + rows.
  // The result is valid until the next call.
  KvSpan span(std::byte* const* pages, int first_row, int rows, Position length);

 private:
  Position tail_;
  int tail_page_;
  std::vector<int> kept_;           // pages before tail_page_, ascending
  std::vector<std::byte*> pages_;  // those of the last span()
};

}  // namespace ragdraft::kv
