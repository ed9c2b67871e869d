// Which instruction sets this machine and this build have, and the kernels of one.
#pragma once
#include <string>
#include <vector>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/elementwise_kernels.h"
#include "ops/cpu/kernel_table.h"

namespace ragdraft::ops {

struct CpuKernels {
  const char* isa;
  kv::KvType preferred_kv;  // Backend::preferred_kv
  const LinearKernels& linear;
  const AttentionKernels& attention;
  const ElementwiseKernels& elementwise;
};

// Names available here, best first; the last one is always "generic".
std::vector<std::string> available_isas();

// name "" = what RAGDRAFT_ISA says, else the best. Throws kInvalidArgument for a name (or a RAGDRAFT_ISA) that is unknown or
// not available here.
CpuKernels resolve_kernels(const std::string& name);

}  // namespace ragdraft::ops
