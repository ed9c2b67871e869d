// Every element type of GGUF: a line here and a header of its own is all that a type needs that is computed as another one.
#pragma once
#include "formats/floats.h"
#include "formats/q4_0.h"
#include "formats/q4_k.h"
#include "formats/q5_0.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"
#include "formats/q8_0.h"

// Formats that kernels multiply.
#define RAGDRAFT_KERNEL_FORMATS(X) X(F32) X(F16) X(BF16) X(Q8_0) X(Q4_0) X(Q4_K) X(Q5_K) X(Q6_K)
// Formats that are computed as one of those.
#define RAGDRAFT_RECODED_FORMATS(X) X(Q5_0)
#define RAGDRAFT_FORMATS(X) RAGDRAFT_KERNEL_FORMATS(X) RAGDRAFT_RECODED_FORMATS(X)

// Types that are sized but not run, so that a file that holds one can be listed: id, name, elements and bytes of a block. Ids in neither
// list were withdrawn, or are newer than this table, or only ever hold intermediate results (Q8_1, Q8_K).
#define RAGDRAFT_LISTED_TYPES(X)                                                                                          \
  X(3, "Q4_1", 32, 20) X(7, "Q5_1", 32, 24) X(10, "Q2_K", 256, 84) X(11, "Q3_K", 256, 110) X(16, "IQ2_XXS", 256, 66)      \
  X(17, "IQ2_XS", 256, 74) X(18, "IQ3_XXS", 256, 98) X(19, "IQ1_S", 256, 50) X(20, "IQ4_NL", 32, 18)                      \
  X(21, "IQ3_S", 256, 110) X(22, "IQ2_S", 256, 82) X(23, "IQ4_XS", 256, 136) X(24, "I8", 1, 1) X(25, "I16", 1, 2)         \
  X(26, "I32", 1, 4) X(27, "I64", 1, 8) X(28, "F64", 1, 8) X(29, "IQ1_M", 256, 56) X(34, "TQ1_0", 256, 54)                \
  X(35, "TQ2_0", 256, 66) X(39, "MXFP4", 32, 17) X(40, "NVFP4", 64, 36) X(41, "Q1_0", 128, 18)
