// Words shared by every layer.
#pragma once
#include <cstdint>

#include "base/draft_bounds.h"
#include "base/host_device.h"
#include "base/page_size.h"

namespace ragdraft {

using TokenId = int32_t;   // index into the vocabulary, >= 0
using Position = int32_t;  // index of a token in its sequence, 0 = first

// In place of a token that only the device knows yet: draft `draft` (0 ..) of the round in progress.
RAGDRAFT_HOST_DEVICE constexpr TokenId unknown_draft(int draft) { return -1 - draft; }

}  // namespace ragdraft
