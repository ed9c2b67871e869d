#include "decoding/statistics.h"

namespace ragdraft::decoding {

void DecodeStats::count(const Choice& choice, const RoundCost& cost, int of_ngram, OfDrafter& of) {
  rounds++;
  rounds_by_source[size_t(choice.source)]++;
  ngram_proposed += choice.proposal;
  ngram_accepted += of_ngram;
  if (choice.source == Source::kModel || choice.source == Source::kCascade) {
    of.rounds++;
    of.drafted += cost.drafted;
    of.accepted += cost.accepted;
  }
  drafted += cost.drafted;
  accepted += cost.accepted;
  for (int i = 0; i < cost.drafted; i++) drafted_by_position[size_t(i)]++;
  for (int i = 0; i < cost.accepted; i++) accepted_by_position[size_t(i)]++;
  draft_ms += cost.draft_ms + cost.check_ms;
  verify_ms += cost.verify_ms;
}

}  // namespace ragdraft::decoding
