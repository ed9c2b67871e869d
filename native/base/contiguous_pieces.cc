#include "base/contiguous_pieces.h"

namespace ragdraft {
namespace {

uint64_t make_span(uint64_t first, uint64_t end) { return first << 32 | end; }
int first_of(uint64_t span) { return int(span >> 32); }
int end_of(uint64_t span) { return int(uint32_t(span)); }
int left_in(uint64_t span) { return end_of(span) - first_of(span); }

}  // namespace

ContiguousPieces::ContiguousPieces(int count, int workers) : stretches_(size_t(workers)) {
  const auto border = [&](int worker) { return uint64_t(count) * uint64_t(worker) / uint64_t(workers); };
  for (int worker = 0; worker < workers; ++worker) stretches_[size_t(worker)].span = make_span(border(worker), border(worker + 1));
}

int ContiguousPieces::take(int worker) {
  Stretch& own = stretches_[size_t(worker)];
  for (uint64_t span = own.span.load(); left_in(span) > 0;)
    if (own.span.compare_exchange_weak(span, make_span(uint64_t(first_of(span)) + 1, uint64_t(end_of(span))))) return first_of(span);
  for (;;) {
    Stretch* longest = nullptr;
    uint64_t span = 0;
    for (Stretch& stretch : stretches_)
      if (const uint64_t seen = stretch.span.load(); left_in(seen) > left_in(span)) longest = &stretch, span = seen;
    if (longest == nullptr) return -1;  // stretches never grow: what was seen empty is empty
    if (longest->span.compare_exchange_strong(span, make_span(uint64_t(first_of(span)), uint64_t(end_of(span)) - 1))) return end_of(span) - 1;
  }
}

}  // namespace ragdraft
