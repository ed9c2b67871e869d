// Loops that keep the arithmetic units of this machine busy and nothing else. A loop is listed only where this CPU has its
// instructions: its function alone is compiled for them.
#pragma once
#include <vector>

namespace ragdraft::bench {

struct PeakLoop {
  const char* kind;         // "f32", "bf16" or "int8": the operands
  const char* instruction;  // what the loop is made of
  double operations;        // of one iteration; a multiply-add is two
  void (*run)(long iterations);
};

// Every loop this CPU can run.
std::vector<PeakLoop> peak_loops();

}  // namespace ragdraft::bench
