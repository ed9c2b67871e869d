// Words shared by every layer.
#pragma once
#include <cstdint>

namespace ragdraft {

using TokenId = int32_t;   // index into the vocabulary, >= 0
using Position = int32_t;  // index of a token in its sequence, 0 = first

inline constexpr int kPageTokens = 64;     // tokens of one KV page (docs/architecture.md)
inline constexpr int kMaxVerifyRows = 17;  // 16 drafted tokens and the pending one

}  // namespace ragdraft
