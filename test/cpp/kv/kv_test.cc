// Page pool and sequences against a model that copies everything: a plain vector of tokens.
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "kv/sequence.h"
#include "kv/tile_index.h"
#include "tap.h"

using namespace ragdraft;
using namespace ragdraft::kv;

namespace {

constexpr KvLayout kLayout{.layers = 2, .kv_heads = 1, .head_dim = 16, .type = KvType::kF32};

// Zeros from the heap, as long as there are bytes left.
class HeapMemory final : public HostMemory {
 public:
  explicit HeapMemory(size_t left = SIZE_MAX) : left_(left) {}
  std::shared_ptr<std::byte[]> allocate(size_t bytes) override {
    check(bytes <= left_, Code::kOutOfMemory, "no memory");
    left_ -= bytes;
    return std::shared_ptr<std::byte[]>(new std::byte[bytes]());
  }

 private:
  size_t left_;
};
std::shared_ptr<Memory> heap() { return std::make_shared<HeapMemory>(); }

// Appends `values` as if a forward pass had written them: every element of a token holds its value.
void append(Sequence& sequence, const std::vector<float>& values) {
  std::byte* const* pages = sequence.prepare_append(int(values.size()));
  for (size_t i = 0; i < values.size(); i++) {
    const int position = sequence.length() + int(i), t = position % kPageTokens;
    for (int layer = 0; layer < kLayout.layers; layer++) {
      auto* k = reinterpret_cast<float*>(pages[position / kPageTokens] + kLayout.tile_offset(layer, 0));
      auto* v = k + kLayout.block_bytes() / sizeof(float);
      for (int d = 0; d < kLayout.head_dim; d++) {
        k[k_index(kLayout, d, t)] = values[i];
        v[v_index(kLayout, d, t)] = -values[i];
      }
    }
  }
  sequence.advance(int(values.size()));
}

// What the sequence holds, read back through its page table.
std::vector<float> contents(const Sequence& sequence, const Cache& cache) {
  std::vector<float> out;
  for (int p = 0; p < sequence.length(); p++) {
    const std::byte* page = cache.pool.data(sequence.page_table()[size_t(p / kPageTokens)]);
    const auto* k = reinterpret_cast<const float*>(page + kLayout.tile_offset(1, 0));
    out.push_back(k[k_index(kLayout, 3, p % kPageTokens)]);
  }
  return out;
}

std::vector<PageId> held(const std::vector<Sequence*>& sequences) {
  std::vector<PageId> all;
  for (const Sequence* s : sequences) all.insert(all.end(), s->page_table().begin(), s->page_table().end());
  return all;
}

}  // namespace

TEST("a reused page is zeroed, a fresh one is zero") {
  PagePool pool(256, heap());
  const PageId a = pool.acquire();
  std::memset(pool.data(a), 0xff, 256);
  pool.release(a);
  const PageId b = pool.acquire();
  for (int i = 0; i < 256; i++) CHECK(pool.data(b)[i] == std::byte{0});
  CHECK_THROWS(kInternal, (pool.release(b), pool.release(b)));
}

TEST("reserve makes free pages and a failed allocation is a typed error") {
  PagePool pool(256, std::make_shared<HeapMemory>(10 * 256));
  pool.reserve(10);
  CHECK(pool.free_pages() == 10);
  CHECK_THROWS(kOutOfMemory, pool.reserve(11));
  for (int i = 0; i < 10; i++) pool.acquire();
  CHECK_THROWS(kOutOfMemory, pool.acquire());
  CHECK(pool.total_pages() == 10);
}

TEST("a fork shares pages until one side writes, then both keep their own text") {
  const auto cache = std::make_shared<Cache>(kLayout, heap());
  Sequence a(cache, 1000);
  append(a, std::vector<float>(100, 1));
  const uint64_t before = a.fingerprint();
  const std::unique_ptr<Sequence> b = a.fork();
  CHECK(b->page_table() == a.page_table());
  CHECK(b->fingerprint() == before);
  append(*b, {2, 2});
  CHECK(b->page_table()[0] == a.page_table()[0]);  // full page: still shared
  CHECK(b->page_table()[1] != a.page_table()[1]);  // partial page: copied
  CHECK(a.fingerprint() == before);
  append(a, {3});
  CHECK(contents(a, *cache).back() == 3 && contents(*b, *cache).back() == 2 && contents(*b, *cache)[99] == 1);
  cache->pool.check_integrity(held({&a, b.get()}));
}

TEST("truncate and append again leaves no trace of what was rolled back") {
  const auto cache = std::make_shared<Cache>(kLayout, heap());
  Sequence a(cache, 300), fresh(cache, 300);
  append(a, std::vector<float>(126, 1));
  append(a, std::vector<float>(10, 9));
  a.truncate(126);
  append(a, {4, 5, 6});
  append(fresh, std::vector<float>(126, 1));
  append(fresh, {4, 5, 6});
  CHECK(a.fingerprint() == fresh.fingerprint());
  append(fresh, {7});
  CHECK(a.fingerprint() != fresh.fingerprint());
  CHECK_THROWS(kInvalidArgument, a.truncate(130));
  CHECK_THROWS(kInvalidArgument, a.truncate(-1));
}

TEST("a sequence repeated holds its whole pages over and over, in pages of its own") {
  const auto cache = std::make_shared<Cache>(kLayout, heap());
  Sequence a(cache, 300);
  CHECK_THROWS(kInvalidArgument, a.repeat(64));  // nothing to repeat
  std::vector<float> text;
  for (int i = 0; i < 2 * kPageTokens; i++) text.push_back(float(i));
  append(a, text);
  const std::unique_ptr<Sequence> shared = a.fork();
  a.repeat(300);
  CHECK(a.length() == 300);
  const std::vector<float> all = contents(a, *cache);
  for (size_t i = 0; i < all.size(); i++) CHECK(all[i] == text[i % text.size()]);
  CHECK(contents(*shared, *cache) == text);
  cache->pool.check_integrity(held({&a, shared.get()}));
  CHECK_THROWS(kInvalidArgument, a.repeat(301));  // not a whole number of pages
  a.truncate(128);
  CHECK_THROWS(kInvalidArgument, a.repeat(127));
  CHECK_THROWS(kContextOverflow, a.repeat(301));
  CHECK(a.length() == 128);
  a.repeat(128);
  CHECK(a.fingerprint() == shared->fingerprint());
}

TEST("an append beyond the context is a typed error and changes nothing") {
  const auto cache = std::make_shared<Cache>(kLayout, heap());
  Sequence a(cache, 70);
  append(a, std::vector<float>(69, 1));
  CHECK_THROWS(kContextOverflow, a.prepare_append(2));
  CHECK_THROWS(kContextOverflow, a.prepare_append(0));
  CHECK(a.length() == 69);
  append(a, {2});
  CHECK_THROWS(kContextOverflow, a.prepare_append(1));
  CHECK_THROWS(kInvalidArgument, Sequence(cache, 0));
}

TEST("closing sequences gives every page back, in any order") {
  const auto cache = std::make_shared<Cache>(kLayout, heap());
  {
    auto a = std::make_unique<Sequence>(cache, 500);
    append(*a, std::vector<float>(200, 1));
    auto b = a->fork();
    a = nullptr;
    append(*b, {1});
    CHECK(contents(*b, *cache).size() == 201);
  }
  CHECK(cache->pool.free_pages() == cache->pool.total_pages());
  cache->pool.check_integrity({});
}

TEST("every element of a tile has a place of its own, and the scales of 8-bit keys and values lie behind them") {
  for (const KvType type : {KvType::kF16, KvType::kBF16, KvType::kF32, KvType::kQ8}) {
    for (const int head_dim : {8, 64, 80}) {
      const KvLayout layout{.layers = 3, .kv_heads = 2, .head_dim = head_dim, .type = type};
      std::vector<bool> keys(layout.scales_offset() / layout.element_bytes()), values(keys.size());
      for (int t = 0; t < kPageTokens; t++) {
        for (int d = 0; d < head_dim; d++) {
          const size_t k = k_index(layout, d, t), v = v_index(layout, d, t);
          CHECK(k < keys.size() && v < values.size() && !keys[k] && !values[v]);
          keys[k] = values[v] = true;
        }
      }
    }
  }
  const KvLayout bytes{.layers = 3, .kv_heads = 2, .head_dim = 80, .type = KvType::kQ8};
  CHECK(bytes.block_bytes() == 80 * 64 + 64 * 4);
  CHECK(bytes.page_bytes() == 3 * 2 * 2 * bytes.block_bytes());
}

TEST("the fingerprint of 8-bit keys and values tells elements and scales, but nothing behind the length") {
  const KvLayout layout{.layers = 2, .kv_heads = 2, .head_dim = 20, .type = KvType::kQ8};
  const auto cache = std::make_shared<Cache>(layout, heap());
  Sequence a(cache, 100);
  std::byte* const* pages = a.prepare_append(70);
  a.advance(69);
  const uint64_t empty = a.fingerprint();
  const auto changed = [&](std::byte* place) {
    *place ^= std::byte{1};
    const bool differs = a.fingerprint() != empty;
    *place ^= std::byte{1};
    return differs;
  };
  std::byte* keys = pages[1] + layout.tile_offset(1, 1);
  std::byte* values = keys + layout.block_bytes();
  for (const int t : {0, 4}) {
    for (const int d : {0, 19}) CHECK(changed(keys + k_index(layout, d, t)) && changed(values + v_index(layout, d, t)));
    for (int byte = 0; byte < 4; byte++) {
      CHECK(changed(keys + layout.scales_offset() + 4 * t + byte));
      CHECK(changed(values + layout.scales_offset() + 4 * t + byte));
    }
  }
  CHECK(!changed(keys + k_index(layout, 0, 5)) && !changed(values + layout.scales_offset() + 4 * 5));
  CHECK(!changed(keys + k_index(layout, 20, 0)));  // padding
  const std::unique_ptr<Sequence> b = a.fork();
  CHECK(b->fingerprint() == empty);
}

TEST("5,000 random forks, appends, rollbacks and closes agree with plain copies") {
  const auto cache = std::make_shared<Cache>(kLayout, heap());
  struct Pair {
    std::unique_ptr<Sequence> sequence;
    std::vector<float> expected;
  };
  std::vector<Pair> alive;
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return size_t(random() % n); };
  for (int step = 0; step < 5000; step++) {
    if (alive.empty()) alive.push_back({std::make_unique<Sequence>(cache, 400), {}});
    Pair& pick = alive[below(alive.size())];
    switch (below(5)) {
      case 0:
        if (alive.size() < 8) {
          Pair copy{pick.sequence->fork(), pick.expected};
          alive.push_back(std::move(copy));
        }
        break;
      case 1:
      case 2: {
        std::vector<float> values(1 + below(90));
        for (float& v : values) v = float(step + 1);
        if (int(pick.expected.size() + values.size()) > 400) break;
        append(*pick.sequence, values);
        pick.expected.insert(pick.expected.end(), values.begin(), values.end());
        break;
      }
      case 3: {
        const size_t length = below(pick.expected.size() + 1);
        pick.sequence->truncate(int(length));
        pick.expected.resize(length);
        break;
      }
      default:
        if (alive.size() > 3) alive.erase(alive.begin() + std::ptrdiff_t(&pick - alive.data()));
    }
    if (step % 50 == 0) {
      std::vector<Sequence*> all;
      for (const Pair& p : alive) {
        all.push_back(p.sequence.get());
        CHECK(contents(*p.sequence, *cache) == p.expected);
      }
      cache->pool.check_integrity(held(all));
    }
  }
}
