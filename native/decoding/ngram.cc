#include "decoding/ngram.h"

#include <algorithm>

namespace ragdraft::decoding {
namespace {

constexpr int kCandidates = 64;  // occurrences that are compared, newest first

// Of the kShortest tokens before `end`. Collisions are harmless: candidates are compared token by token.
uint64_t hash(std::span<const TokenId> text, size_t end) {
  uint64_t h = 0;
  for (size_t i = end - size_t(NgramIndex::kShortest); i < end; i++) {
    h = (h ^ uint32_t(text[i])) * 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
  }
  return h;
}

}  // namespace

void NgramIndex::append(std::span<const TokenId> tokens) {
  older_.resize(std::max(older_.size(), size_t(1)), -1);  // no occurrence ends at 0
  for (const TokenId token : tokens) {
    text_.push_back(token);
    const size_t end = text_.size();
    older_.push_back(-1);
    if (end < size_t(kShortest)) continue;
    const auto [entry, first] = newest_.try_emplace(hash(text_, end), int32_t(end));
    if (first) continue;
    older_[end] = entry->second;
    entry->second = int32_t(end);
  }
}

NgramIndex::Proposal NgramIndex::propose(int most) {
  if (most <= 0 || text_.size() <= size_t(kShortest)) return {};
  int longest = 0;
  size_t from = 0;
  int32_t candidate = older_[text_.size()];  // the newest occurrence is the end of the text itself
  for (int i = 0; i < kCandidates && candidate >= 0 && longest < kLongest; i++, candidate = older_[size_t(candidate)]) {
    const int match = match_length(size_t(candidate));
    if (match <= longest) continue;
    longest = match;
    from = size_t(candidate);
  }
  if (longest < kShortest) return {};
  proposal_.clear();
  for (size_t i = 0; i < size_t(most); i++) {
    const size_t at = from + i;
    proposal_.push_back(at < text_.size() ? text_[at] : proposal_[at - text_.size()]);
  }
  return {proposal_, longest};
}

int NgramIndex::match_length(size_t candidate_end) const {
  int length = 0;
  while (length < kLongest && size_t(length) < candidate_end &&
         text_[candidate_end - 1 - size_t(length)] == text_[text_.size() - 1 - size_t(length)]) {
    length++;
  }
  return length;
}

}  // namespace ragdraft::decoding
