// Sequences of several threads over one pool: a document's pages are forked and given back while another answer writes.
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "kv/sequence.h"
#include "ops/backend.h"
#include "tap.h"
#include "tier.h"

using namespace ragdraft;
using namespace ragdraft::kv;

namespace {

constexpr KvLayout kLayout{.layers = 1, .kv_heads = 1, .head_dim = 8, .type = KvType::kF32};

// Fills what was appended with one byte, as a forward pass would with numbers.
void append(Sequence& sequence, int count, unsigned char byte) {
  std::byte* const* pages = sequence.prepare_append(count);
  for (int i = sequence.length() / kPageTokens; i <= (sequence.length() + count - 1) / kPageTokens; i++) {
    const int from = std::max(0, sequence.length() - i * kPageTokens), to = std::min<int>(kPageTokens, sequence.length() + count - i * kPageTokens);
    std::memset(pages[i] + size_t(from) * 4, byte, size_t(to - from) * 4);
  }
  sequence.advance(count);
}

}  // namespace

TEST("threads that fork, write, roll back and drop over one pool leave the sequence they forked from as it was, and every page counted") {
  const auto cache = std::make_shared<Cache>(kLayout, ops::make_reference_backend()->memory());
  Sequence base(cache, 400);
  append(base, 150, 7);  // two whole pages and a part
  const uint64_t before = base.fingerprint();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      std::unique_ptr<Sequence> kept = base.fork();
      for (int i = 0; i < tier::choose(200, 2000); i++) {
        const std::unique_ptr<Sequence> fork = base.fork();
        append(*fork, 1 + (i * 13 + t) % 120, static_cast<unsigned char>(t + 1));
        fork->truncate(150 - i % 90);
        append(*fork, 3, static_cast<unsigned char>(t + 9));
        if (i % 10 == 0) kept = fork->fork();
        wrong += kept->length() < 60;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0 && base.fingerprint() == before);
  cache->pool.check_integrity(base.page_table());
}
