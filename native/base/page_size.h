// The page size of the cache of keys and values, which kernels, caches and prompts all build on.
#pragma once

namespace ragdraft {

// Tokens of one page. A page is read as a whole or not at all, shared, copied and selected as a whole (docs/architecture.md).
inline constexpr int kPageTokens = 64;

}  // namespace ragdraft
