#include "base/contiguous_pieces.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tap.h"

using ragdraft::ContiguousPieces;

namespace {

std::vector<int> take(ContiguousPieces& pieces, int worker, int count) {
  std::vector<int> taken;
  for (int i = 0; i < count; i++) taken.push_back(pieces.take(worker));
  return taken;
}

}  // namespace

TEST("each worker walks through its own stretch") {
  ContiguousPieces pieces(10, 3);
  CHECK((take(pieces, 1, 2) == std::vector<int>{3, 4}));
  CHECK((take(pieces, 0, 3) == std::vector<int>{0, 1, 2}));
  CHECK((take(pieces, 2, 4) == std::vector<int>{6, 7, 8, 9}));
  CHECK(pieces.take(1) == 5);
}

TEST("who has none left takes the last pieces of the longest stretch: an absent worker's are not waited for") {
  ContiguousPieces pieces(12, 3);  // 0..3, 4..7, 8..11
  CHECK((take(pieces, 1, 3) == std::vector<int>{4, 5, 6}));
  CHECK((take(pieces, 0, 4) == std::vector<int>{0, 1, 2, 3}));
  CHECK((take(pieces, 0, 3) == std::vector<int>{11, 10, 9}));
  CHECK((take(pieces, 1, 3) == std::vector<int>{7, 8, -1}));
}

TEST("with fewer pieces than workers, some get none") {
  ContiguousPieces pieces(2, 5);
  std::vector<int> taken = take(pieces, 0, 2);
  CHECK(taken[0] + taken[1] == 1 && taken[0] != taken[1] && pieces.take(0) == -1 && pieces.take(4) == -1);
}

TEST("every piece is dealt once to threads that compete for the last ones") {
  for (int round = 0; round < 50; round++) {
    constexpr int kCount = 1000, kThreads = 4;
    ContiguousPieces pieces(kCount, kThreads);
    std::vector<std::atomic<int>> dealt(kCount);
    std::vector<std::thread> threads;
    for (int worker = 0; worker < kThreads; worker++)
      threads.emplace_back([&, worker] {
        const int as = worker == 3 ? 0 : worker;  // stretch 3 belongs to nobody, two share the first
        for (int piece; (piece = pieces.take(as)) >= 0;) dealt[size_t(piece)].fetch_add(1);
      });
    for (std::thread& thread : threads) thread.join();
    int once = 0;
    for (const auto& count : dealt) once += count.load() == 1;
    CHECK_MSG(once == kCount, std::to_string(once));
  }
}
