// What the CUDA backend is meant to reach, and whether a report shows it. Of what was not measured nothing is said.
#pragma once
#include <vector>

#include "report.h"

namespace ragdraft::gpu_check {

std::vector<Check> goals(const std::vector<Row>& rows, const Machine& machine);

// Rows with these words, in their order; `setting`: of passes and plain steps "", of rounds who drafts.
std::vector<Row> rows_of(const std::vector<Row>& rows, const std::string& model, const std::string& metric, const std::string& weights,
                         const std::string& kv, const std::string& setting, int depth);

// Times faster than steps of `plain_ms` that these rounds make a text when each draft stands with probability `acceptance` if those before
// it do: tau plain / round at its best draft length, tau = (1 - a^(gamma + 1)) / (1 - a). Never less than 1: then nothing is drafted.
struct Speedup {
  double times;
  int drafts;  // gamma
};
Speedup best_speedup(double acceptance, double plain_ms, const std::vector<Row>& rounds);

}  // namespace ragdraft::gpu_check
