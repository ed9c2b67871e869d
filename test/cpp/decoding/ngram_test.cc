#include "decoding/ngram.h"

#include <algorithm>
#include <random>

#include "tap.h"

using namespace ragdraft;
using decoding::NgramIndex;
using Tokens = std::vector<TokenId>;

namespace {

Tokens tokens_of(const NgramIndex::Proposal& proposal) { return {proposal.tokens.begin(), proposal.tokens.end()}; }

// By looking at every position: the longest match, of equals the last one.
std::pair<Tokens, int> search(const Tokens& text, int most) {
  int longest = 0;
  size_t from = 0;
  for (size_t end = 1; end < text.size(); end++) {
    int match = 0;
    while (match < NgramIndex::kLongest && size_t(match) < end && text[end - 1 - size_t(match)] == text[text.size() - 1 - size_t(match)]) {
      match++;
    }
    if (match < longest || match < NgramIndex::kShortest) continue;
    longest = match;
    from = end;
  }
  if (longest == 0) return {};
  Tokens grown = text;  // copying on reads what was copied
  for (int i = 0; i < most; i++) grown.push_back(grown[from + size_t(i)]);
  return {Tokens(grown.end() - most, grown.end()), longest};
}

}  // namespace

TEST("a proposal is what followed the longest match, of equals the latest, as an exhaustive search finds it") {
  std::mt19937 random(1);
  int proposals = 0, long_ones = 0;
  for (int round = 0; round < 200; round++) {
    const int vocab = 2 + round % 5;
    NgramIndex index;
    Tokens text;
    while (text.size() < 60) {  // occurrences stay below the number of candidates
      Tokens more;
      if (text.size() > 20 && random() % 3 == 0) {  // a quote
        const size_t from = random() % (text.size() - 10);
        more.assign(text.begin() + long(from), text.begin() + long(from) + 10);
      }
      for (size_t i = random() % 4; i > 0; i--) more.push_back(TokenId(random() % size_t(vocab)));
      index.append(more);
      text.insert(text.end(), more.begin(), more.end());
      for (const int most : {1, 5, 16}) {
        const auto [wanted, match] = search(text, most);
        const auto got = index.propose(most);
        CHECK(tokens_of(got) == wanted && got.match == match);
        proposals += !wanted.empty();
        long_ones += match >= 8;
      }
    }
  }
  CHECK(proposals > 1000 && long_ones > 100);
}

TEST("fewer than three matching tokens propose nothing; nor does an empty text or a length of 0") {
  NgramIndex index;
  CHECK(index.propose(4).tokens.empty() && index.propose(4).match == 0);
  index.append(Tokens{1, 2, 3, 4, 9, 2, 3});
  CHECK(index.propose(4).tokens.empty());
  index.append(Tokens{4});
  CHECK(tokens_of(index.propose(2)) == (Tokens{9, 2}) && index.propose(2).match == 3);
  CHECK(index.propose(0).tokens.empty());
}

TEST("a match that reaches into its continuation goes round") {
  NgramIndex index;
  index.append(Tokens{5, 6, 5, 6, 5});
  CHECK(tokens_of(index.propose(5)) == (Tokens{6, 5, 6, 5, 6}));
  NgramIndex ones;
  ones.append(Tokens(4, 1));
  CHECK(tokens_of(ones.propose(16)) == Tokens(16, 1));
}

TEST("a long text of one repeated phrase takes bounded time per token") {
  NgramIndex index;
  size_t proposed = 0;
  for (int i = 0; i < 200000; i++) {
    index.append(Tokens{i % 3});
    proposed += index.propose(16).tokens.size();
  }
  CHECK(proposed > 16 * 199000);  // 200,000 occurrences of each trigram: a search of all would take hours
}
