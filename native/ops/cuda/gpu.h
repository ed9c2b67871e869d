// The only door to the GPU: kernels and host code of the CUDA module use what is declared in this header and nothing else of
// CUDA. With nvcc it is CUDA itself; without, test/cpp/cuda/emulator.h, which runs the same sources on the CPU. Both sides provide:
//
//   for kernels   CUDA's own words: __global__, threadIdx, __syncthreads, shuffles and votes, atomics, fmaf, __expf, ...
//                 (test/cpp/cuda/README.md lists them), and in namespace gpu what CUDA leaves to PTX:
//     RAGDRAFT_UNROLL                 before a loop whose arrays must stay in registers
//     shared<T>(), dynamic_shared()   memory of the block; __shared__ itself is not used: the emulator could not watch it
//     ldmatrix_x4[_trans]             four 8x8 tiles of 16-bit values from shared memory, as operands of mma
//     mma_bf16, mma_f16               D[16,8] += A[16,16] B[16,8], f32 sums
//     mma_s8, mma_u8s8 (k = 32), mma_s8_k16, mma_u8s8_k16    exact s32 sums; A signed or unsigned bytes, B signed bytes
//     cp_async16 / _commit / _wait<N>, cp_async16_stream     16 bytes from global to shared memory, behind the thread's back
//     load_stream                     a load of what is read once: it leaves L1 alone
//     f16_to_f32, f32_to_f16, bf16_to_f32, f32_to_bf16       nearest even, f16 saturates at +-65504, NaN stays NaN
//     pack_f16, pack_bf16             two floats as such halves of a word, the first in the lower; pack_f16 does not saturate
//     s8_to_bf16                      bytes 0 and 2 of a word, signed, as two bf16: exact
//     exp2_fast                       2^x to 2 units in the last place; 2^0 is 1, 2^-infinity and what is below 2^-126 are 0
//   for the host  Stream, Graph, Event, launch, allocate / release (device), allocate_host / release_host (pinned), use_device,
//                 device_count, device_info, memory_info. All throw Error: kOutOfMemory, or kDeviceFailed with CUDA's own text.
//
// Work given to a stream runs later, in order; errors of kernels appear at the next synchronize().
//
// Operand layout of the mma functions, lane = 4 g + t (PTX's m16n8k16 and m16n8k32 fragments):
//   16-bit: a[0] = A[g][2t, 2t+1], a[1] = A[g+8][same], a[2], a[3]: 8 columns further; b0 = B[2t, 2t+1][g], b1: 8 rows further
//   8-bit:  a[0] = A[g][4t .. 4t+3], a[1] = A[g+8][same], a[2], a[3]: 16 columns further; b0 = B[4t .. 4t+3][g], b1: 16 further
//           (k16: a[0], a[1] and b0 alone)
//   sums:   c[0], c[1] = C[g][2t, 2t+1], c[2], c[3] = C[g+8][same]
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include "ops/cuda/gpu/intrinsics.h"
#include "ops/cuda/gpu/runtime.h"
#else
#include "emulator.h"
#endif
