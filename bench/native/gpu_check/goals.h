// What the CUDA backend is meant to reach, and whether a report shows it. Of what was not measured nothing is said.
#pragma once
#include <string>
#include <vector>

#include "report.h"

namespace ragdraft::gpu_check {

std::vector<Check> goals(const std::vector<Row>& rows, const Machine& machine);

// tau T / (gamma D + V(gamma + 1)) at its best gamma: times faster than passes of `plain_ms` that speculation makes a text when drafts
// are accepted at rate alpha, each independently. verify: the target's passes, of gamma + 1 rows.
struct Speedup {
  double times;
  int drafts;  // gamma
};
Speedup best_speedup(double alpha, double plain_ms, double draft_ms, const std::vector<Row>& verify);

}  // namespace ragdraft::gpu_check
