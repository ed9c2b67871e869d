// What a drafter reads of its target's cache: pages chosen from the beginning of a sequence, and everything from some page on.
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

// Keys were rotated by the positions that they have in the whole sequence, so the chosen pages can be read as they are. Rows appended
// behind them keep their own positions too. Holds no pages: the sequence does.
class Selection {
 public:
  // ranges: tokens before `tail` that are wanted, in any order; rounded out to whole pages. tail: its page and all behind it are read.
  // Throws kInvalidArgument for a range that does not lie in [0, tail).
  Selection(std::span<const TokenRange> ranges, Position tail);

  // Tokens of the sequence before `tail` that are left out; whole pages.
  Position skipped() const { return (tail_page_ - int(kept_.size())) * kPageTokens; }
  Position tail() const { return tail_; }

  // `rows` rows appended at `length` >= tail() as kernels see them. pages: of the sequence, covering length + rows. Valid until the
  // next call.
  KvSpan span(std::byte* const* pages, int first_row, int rows, Position length);

 private:
  Position tail_;
  int tail_page_;
  std::vector<int> kept_;           // pages before tail_page_, ascending
  std::vector<std::byte*> pages_;  // reused
};

}  // namespace ragdraft::kv
