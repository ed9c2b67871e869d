// Selections of a sequence's pages: which ones kernels see, and at which positions.
#include "kv/selection.h"

#include <array>
#include <string>

#include "base/error.h"
#include "kv_fixture.h"
#include "tap.h"
#include "tier.h"

using namespace ragdraft;
using namespace ragdraft::kv;
using fixture::random_values;

namespace {

// Ten pages that are not there: selections only pass them on.
const std::vector<std::byte*> kPages = [] {
  static std::array<std::byte, 10> places;
  std::vector<std::byte*> pages;
  for (std::byte& place : places) pages.push_back(&place);
  return pages;
}();

// Indices of the pages that one row at `length` sees.
std::vector<int> seen(Selection& selection, Position length) {
  const KvSpan span = selection.span(kPages.data(), 0, 1, length);
  std::vector<int> indices;
  for (int i = 0; i <= span.first_position / kPageTokens; i++) indices.push_back(int(span.pages[i] - kPages[0]));
  return indices;
}

using Pages = std::vector<int>;

}  // namespace

TEST("a selection keeps the pages of its ranges, whole, and all from the tail's page on") {
  const std::vector<TokenRange> ranges = {{200, 260}, {0, 1}, {201, 202}, {300, 300}};  // pages 3 and 4, 0, 3 again, none
  Selection selection(ranges, 500);                                                     // page 7
  CHECK(selection.skipped() == 4 * 64 && selection.tail() == 500);
  CHECK(seen(selection, 500) == (Pages{0, 3, 4, 7}));
  CHECK(seen(selection, 511) == (Pages{0, 3, 4, 7}) && seen(selection, 512) == (Pages{0, 3, 4, 7, 8}));
  CHECK(seen(selection, 600) == (Pages{0, 3, 4, 7, 8, 9}) && seen(selection, 505) == (Pages{0, 3, 4, 7}));
}

TEST("rows of a selection keep their place in a page and their position in the sequence") {
  const std::vector<TokenRange> ranges = {{64, 128}};
  Selection selection(ranges, 400);
  const KvSpan span = selection.span(kPages.data(), 5, 60, 419);  // over the edge of page 6
  CHECK(span.first_row == 5 && span.rows == 60 && span.skipped == 5 * 64);
  CHECK(span.first_position + span.skipped == 419 && span.first_position % kPageTokens == 419 % kPageTokens);
  CHECK(span.pages[0] == kPages[1] && span.pages[1] == kPages[6] && span.pages[2] == kPages[7]);
}

TEST("everything, nothing but the tail, and a tail at 0 are selections too") {
  const std::vector<TokenRange> all = {{0, 600}};
  Selection everything(all, 600), nothing({}, 600), whole({}, 0);
  CHECK(everything.skipped() == 0 && seen(everything, 620) == (Pages{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  CHECK(nothing.skipped() == 9 * 64 && seen(nothing, 600) == (Pages{9}));
  CHECK(whole.skipped() == 0 && seen(whole, 130) == (Pages{0, 1, 2}));
}

TEST("ranges outside of what lies before the tail are ERR_INVALID_ARGUMENT, a row before the tail is ERR_INTERNAL") {
  const auto make = [](TokenRange range, Position tail) { return Selection(std::span(&range, 1), tail); };
  make({0, 100}, 100);
  CHECK_THROWS(kInvalidArgument, make({-1, 5}, 100));
  CHECK_THROWS(kInvalidArgument, make({5, 4}, 100));
  CHECK_THROWS(kInvalidArgument, make({0, 101}, 100));
  CHECK_THROWS(kInvalidArgument, make({0, 0}, -1));
  Selection selection({}, 100);
  CHECK_THROWS(kInternal, selection.span(kPages.data(), 0, 1, 99));
}

TEST("a row behind skipped tokens is rotated and stored bit for bit as in the whole sequence") {
  for (const std::string& isa : tier::isas()) {
    const auto backend = ops::make_cpu_backend(2, isa);
    for (const KvType type : {KvType::kF16, KvType::kBF16, KvType::kF32, KvType::kQ8}) {
      const KvLayout layout{.layers = 1, .kv_heads = 2, .head_dim = 64, .type = type};
      fixture::Cache whole(*backend, layout, 1, 640), part(*backend, layout, 1, 640);
      ops::Rope rope{.frequency = {}, .magnitude = 1.25f, .interleaved = false};
      for (int i = 0; i < 32; i++) rope.frequency.push_back(1.0 / (1 + i));
      const std::vector<float> q = random_values(20 * 4 * 64, 1), k = random_values(20 * 2 * 64, 2), v = random_values(20 * 2 * 64, 3);
      const auto append = [&](const KvSpan& span) {
        std::vector<float> turned = q;
        backend->rope_append_kv(layout, 0, std::span(&span, 1), rope, 4, turned.data(), k.data(), v.data());
        return turned;
      };
      KvSpan behind = part.span(0, 0, 20, 500 - 5 * 64);
      behind.skipped = 5 * 64;
      CHECK_MSG(append(whole.span(0, 0, 20, 500)) == append(behind), isa);
      for (int page = 7; page <= 8; page++) {
        CHECK_MSG(std::memcmp(whole.page(0, page), part.page(0, page - 5), layout.page_bytes()) == 0, isa);
      }
    }
  }
}
