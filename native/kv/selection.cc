#include "kv/selection.h"

#include "base/error.h"

namespace ragdraft::kv {

Selection::Selection(std::span<const TokenRange> ranges, Position tail) : tail_(tail), tail_page_(tail / kPageTokens) {
  check(tail >= 0, Code::kInvalidArgument, "the tail of a selection is a position of at least 0");
  std::vector<bool> wanted(static_cast<size_t>(tail_page_));
  for (const TokenRange& range : ranges) {
    check(0 <= range.begin && range.begin <= range.end && range.end <= tail, Code::kInvalidArgument,
          "a selection's ranges lie between 0 and its tail");
    for (Position p = range.begin; p < range.end && p / kPageTokens < tail_page_; p = (p / kPageTokens + 1) * kPageTokens) {
      wanted[size_t(p / kPageTokens)] = true;
    }
  }
  for (int page = 0; page < tail_page_; page++) {
    if (wanted[size_t(page)]) kept_.push_back(page);
  }
}

KvSpan Selection::span(std::byte* const* pages, int first_row, int rows, Position length) {
  check(length >= tail_, Code::kInternal, "rows are appended before the tail of a selection");
  pages_.clear();
  for (const int page : kept_) pages_.push_back(pages[page]);
  for (int page = tail_page_; page <= (length + rows - 1) / kPageTokens; page++) pages_.push_back(pages[page]);
  return {pages_.data(), first_row, rows, length - skipped(), skipped()};
}

}  // namespace ragdraft::kv
