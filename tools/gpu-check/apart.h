// Measurements in processes of their own: after a kernel that went wrong no other runs in the same process, and one that never ends would
// keep all that was measured before.
#pragma once
#include <functional>
#include <string>

#include "report.h"
#include "timing.h"

namespace ragdraft::gpu_check {

inline constexpr double kGraceSeconds = 20;  // behind the deadline: what has been begun may end

// What `measure` tells in a child process goes to `report`. An error that it throws, its death, and its not ending are checks that failed.
// The calling process must not have touched the GPU.
void run_apart(const std::string& name, const Deadline& deadline, Report& report, const std::function<void(Listener&)>& measure,
               double grace_seconds = kGraceSeconds);

}  // namespace ragdraft::gpu_check
