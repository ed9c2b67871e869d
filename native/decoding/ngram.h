// Proposals without a model: what followed the last tokens where they occurred before, in the drafter's prompt (the retrieved
// chunks) or in the answer. Answers that quote the document are found there.
#pragma once
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/types.h"

namespace ragdraft::decoding {

class NgramIndex {
 public:
  static constexpr int kShortest = 3;  // tokens that must match; shorter ones are chance
  static constexpr int kLongest = 32;  // matches are not compared beyond

  struct Proposal {
    std::span<const TokenId> tokens;  // valid until the next propose(); empty: no proposal
    int match = 0;                    // tokens that it rests on, kShortest..kLongest; 0: none
  };

  // The text goes on. O(1) per token.
  void append(std::span<const TokenId> tokens);

  // The continuation of the longest match of the text's last tokens, of equals the most recent, up to `most` tokens. A match that
  // reaches into its own continuation is copied on: "ababab" continues "abab". Looks at a bounded number of candidates.
  Proposal propose(int most);

 private:
  int match_length(size_t candidate_end) const;

  std::vector<TokenId> text_;
  std::unordered_map<uint64_t, int32_t> newest_;  // hash of kShortest tokens -> the end (exclusive) of their latest occurrence
  std::vector<int32_t> older_;                    // [end]: the occurrence with the same hash before that one, or -1
  std::vector<TokenId> proposal_;                 // reused
};

}  // namespace ragdraft::decoding
