// The models that are measured, by their shapes alone, and what a pass of one must read and compute.
#pragma once
#include <cstdint>
#include <string>

#include "kv/layout.h"
#include "model/config.h"
#include "formats/dtype.h"

namespace ragdraft::gpu_check {

// "llama-3.1-8b", "qwen2.5-7b", or "tiny", for runs without a GPU. Throws kInvalidArgument.
model::Config shape_of(const std::string& name);
formats::DType weight_type(const std::string& name);  // "BF16", "Q8_0", ... Throws kInvalidArgument.
kv::KvType kv_type(const std::string& name);         // "bf16", "f16", "q8". Throws kInvalidArgument.

// What the card reached when nothing else was asked of it.
struct Peaks {
  double read_gbps = 0;  // 10^9 bytes a second
  double bf16_gops = 0;  // mma.sync, two operations a multiply-add
};

struct PassShape {
  formats::DType weights;
  bool draft;  // Q8_0 by their upper nibbles
  kv::KvType kv;
  int rows, depth;
  bool logits = true;
};

// Elements of the matrices of a pass, and their bytes as its precision reads them. The embedding is looked up, not read.
int64_t matrix_elements(const model::Config& config, bool logits = true);
double weight_bytes(const model::Config& config, const PassShape& pass);
double kv_token_bytes(const model::Config& config, kv::KvType type);

struct Roofline {
  double ms;     // the least: of the products, then of attention, the longer of reading and computing
  double bytes;  // weights once, keys and values once for all rows
};
// Integer products are held against twice the rate of bf16, as tensor cores have it.
Roofline roofline(const model::Config& config, const PassShape& pass, const Peaks& peaks);

}  // namespace ragdraft::gpu_check
