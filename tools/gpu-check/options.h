// What gpu_check is asked to do.
#pragma once
#include <string>
#include <vector>

namespace ragdraft::gpu_check {

struct Options {
  int device = 0;
  double seconds = 330;  // for everything: what does not fit is left out, and said to be
  std::string json;      // where the report goes; "": nowhere
  std::string commit = "unknown";
  int runs = 9;          // of which the median counts
  std::vector<std::string> models = {"llama-3.1-8b", "qwen2.5-7b"};
  std::vector<std::string> weights = {"BF16", "Q8_0"};
  std::vector<std::string> kernel_weights = {"BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K", "Q5_K", "F16", "F32"};  // of products
  // Beside the target itself, where it has nothing nested: "Q4_0", the same shape in other weights, or "llama-3.2-1b:BF16", another shape.
  std::vector<std::string> drafters = {"Q4_0", "llama-3.2-1b:BF16"};
  std::vector<std::string> kv = {"bf16", "q8"};
  std::vector<int> depths = {8192, 32768, 65536, 131072};  // tokens; multiples of 64, ascending
  int draft_depth = 4096;                                  // of the drafter's cache
  std::vector<int> verify = {2, 3, 4, 6, 8, 11, 17};       // rows, one more than drafts of a round; at the last depth all of them, else 11
  int copy_mebibytes = 2048;                               // that the bandwidth is measured with
  int calls = 64;                                          // of a kernel, timed together
  int mma_rounds = 4096;                                   // of the loop that the arithmetic is measured with
  int cold_mebibytes = 512;                                // of weights that a kernel goes through: several times the L2 cache
};

// Of name=value arguments, named as the members but for copy_mib and cold_mib; lists have commas. Throws kInvalidArgument.
Options parse_options(int argc, const char* const* argv);

}  // namespace ragdraft::gpu_check
