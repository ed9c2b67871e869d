// Runs the sources of the CUDA module on the CPU: what ops/cuda/gpu.h includes where there is no nvcc. Every CUDA thread is a fiber
// that is switched only where threads meet, so a run is deterministic for an order and a seed. What it finds, and what it cannot
// find: README.md.
#pragma once
#include "emulator/words.h"

#include "emulator/async_copy.h"
#include "emulator/block.h"
#include "emulator/math.h"
#include "emulator/memory.h"
#include "emulator/runtime.h"
#include "emulator/tensor_core.h"
#include "emulator/warp.h"
