// How long a draft may be, and with it how many rows a verification has.
#pragma once

namespace ragdraft {

inline constexpr int kMaxDraftTokens = 16;                   // of one round
inline constexpr int kMaxVerifyRows = kMaxDraftTokens + 1;  // rows that the target computes for them: the pending token's is one more

}  // namespace ragdraft
