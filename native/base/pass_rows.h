// How many tokens one pass of a model appends.
#pragma once

namespace ragdraft {

// Most rows of one pass; a prompt is read in passes of so many. Larger batches gain nothing on a CPU, and whether a request was cancelled is
// checked between passes.
inline constexpr int kMaxPassRows = 256;

}  // namespace ragdraft
