// What speculation needs of a model and one of its sequences: nothing else. Tests implement it with small tables.
#pragma once
#include <span>

#include "base/types.h"

namespace ragdraft::decoding {

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  virtual int vocab_size() const = 0;    // logits of one row
  virtual int length() const = 0;        // tokens in the cache
  virtual int max_length() const = 0;    // most tokens the cache may hold
  // Appends `tokens` (1..kMaxVerifyRows, or more where logit_rows <= 1) and writes the logits of the last `logit_rows` of them. In a
  // round of DecodeParams::rounds logits are nullptr: they stay where that finds them, and tokens may be unknown_draft().
  virtual void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) = 0;
  // Forgets everything from `length` on. O(1).
  virtual void truncate(int length) = 0;
};

}  // namespace ragdraft::decoding
