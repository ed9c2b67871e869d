// What was measured, at a glance: passes and rounds by depth beside what this card's peaks and what an H200's allow, what of a pass its
// kernels take by themselves, and what speculation is worth by the share of drafts that stand.
#pragma once
#include <cstdio>
#include <vector>

#include "report.h"

namespace ragdraft::gpu_check {

void print_table(const std::vector<Row>& rows, std::FILE* out);

}  // namespace ragdraft::gpu_check
