#include "ops/cpu/cpu_backend.h"

namespace ragdraft::ops {

std::unique_ptr<Backend> make_cpu_backend(int threads, const std::string& isa) { return std::make_unique<CpuBackend>(threads, isa); }

std::vector<std::string> cpu_isas() { return available_isas(); }

}  // namespace ragdraft::ops
