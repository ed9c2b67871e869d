// What kernels need beyond CUDA's own words, as PTX for sm_80 and later. Documented in ops/cuda/gpu.h, emulated in test/cpp/cuda/emulator.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

// Before a loop whose arrays are to stay in registers: the compiler unrolls only loops that it finds small.
#define RAGDRAFT_UNROLL _Pragma("unroll")

namespace ragdraft::gpu {

__device__ inline uint32_t shared_address(const void* p) { return uint32_t(__cvta_generic_to_shared(p)); }

// Uninitialised memory of the block. One object a type in a kernel: a second call gives the same one.
template <class T>
__device__ inline T& shared() {
  __shared__ __align__(16) unsigned char bytes[sizeof(T)];
  return *reinterpret_cast<T*>(bytes);
}
// What the launch asked for, 128-byte aligned, uninitialised.
__device__ inline unsigned char* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char bytes[];
  return bytes;
}

// p: lane i names row i % 8 of tile i / 8, 16 bytes, aligned to 16. r[m] of lane 4 g + t: row g, columns 2t, 2t + 1 of tile m.
__device__ inline void ldmatrix_x4(uint32_t (&r)[4], const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p))
               : "memory");
}
__device__ inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p))
               : "memory");
}

#define RAGDRAFT_MMA_FLOAT(NAME, TYPES)                                                                                             \
  __device__ inline void NAME(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {                                    \
    asm volatile("mma.sync.aligned.m16n8k16.row.col." TYPES " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                                                   \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                                                   \
  }
RAGDRAFT_MMA_FLOAT(mma_bf16, "f32.bf16.bf16.f32")
RAGDRAFT_MMA_FLOAT(mma_f16, "f32.f16.f16.f32")
#undef RAGDRAFT_MMA_FLOAT

#define RAGDRAFT_MMA_BYTES(NAME, TYPES)                                                                                             \
  __device__ inline void NAME(int32_t (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {                                  \
    asm volatile("mma.sync.aligned.m16n8k32.row.col." TYPES " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                \
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])                                                                   \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                                                   \
  }                                                                                                                                 \
  __device__ inline void NAME##_k16(int32_t (&c)[4], uint32_t a0, uint32_t a1, uint32_t b) {                                        \
    asm volatile("mma.sync.aligned.m16n8k16.row.col." TYPES " {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"                         \
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])                                                                   \
                 : "r"(a0), "r"(a1), "r"(b));                                                                                       \
  }
RAGDRAFT_MMA_BYTES(mma_s8, "s32.s8.s8.s32")
RAGDRAFT_MMA_BYTES(mma_u8s8, "s32.u8.s8.s32")
#undef RAGDRAFT_MMA_BYTES

// Where `valid` is false, 16 zero bytes are written and `from` is not read (it must still be a pointer into global memory).
__device__ inline void cp_async16(void* to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(valid ? 16 : 0) : "memory");
}
// For what is read once: the first to leave L2.
__device__ inline void cp_async16_stream(void* to, const void* from, bool valid) {
  uint64_t policy;
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  asm volatile("cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2, %3;" ::"r"(shared_address(to)), "l"(from),
               "r"(valid ? 16 : 0), "l"(policy)
               : "memory");
}
__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until at most N of this thread's groups are under way. Other threads see the bytes after a barrier after it.
template <int N>
__device__ inline void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

__device__ inline uint4 load_stream(const uint4* p) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
  return v;
}
__device__ inline uint2 load_stream(const uint2* p) {
  uint2 v;
  asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(p));
  return v;
}
__device__ inline uint32_t load_stream(const uint32_t* p) {
  uint32_t v;
  asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(p));
  return v;
}

__device__ inline float f16_to_f32(uint16_t h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}
__device__ inline uint16_t f32_to_f16(float f) {
  uint16_t h;
  const float finite = fabsf(f) > 65504.0f ? copysignf(65504.0f, f) : f;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(finite));
  return h;
}
__device__ inline float bf16_to_f32(uint16_t h) { return __uint_as_float(uint32_t(h) << 16); }
__device__ inline uint16_t f32_to_bf16(float f) {
  uint16_t h;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(f));
  return h;
}

__device__ inline uint32_t pack_f16(float low, float high) {
  uint32_t halves;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(halves) : "f"(high), "f"(low));
  return halves;
}
__device__ inline uint32_t pack_bf16(float low, float high) {
  uint32_t halves;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(halves) : "f"(high), "f"(low));
  return halves;
}
// A byte is its lower seven bits minus 128 times the upper one. 0x4300 is 128, and its last seven bits count ones: (128 + lower) and
// -(128 + 128 upper) are both a mask and an or away.
__device__ inline uint32_t s8_to_bf16(uint32_t bytes) {
  const uint32_t lower = (bytes & 0x007f007fu) | 0x43004300u, upper = (bytes & 0x00800080u) | 0xc300c300u;
  uint32_t halves;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(halves) : "r"(lower), "r"(0x3f803f80u), "r"(upper));
  return halves;
}
__device__ inline float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

}  // namespace ragdraft::gpu
