// What gpu_check is asked to measure.
#pragma once
#include <string>
#include <vector>

namespace ragdraft::gpu_check {

struct Options {
  std::string part;          // "passes", "linear": of a model and a type of weights; "attention", "small": the other kernels of a model
  std::string model;         // shape_of()
  std::string weights = "Q8_0";
  std::string json;          // file to which lines of JSON are appended; "": none
  int device = 0;
  int runs = 9;              // of which the median counts
  std::vector<std::string> kv = {"bf16", "q8"};
  std::vector<int> depths = {8192, 32768, 65536, 131072};  // tokens; multiples of 64, ascending
  std::vector<int> verify = {2, 4, 8, 11, 17};             // rows; at the last depth all of them, else 11
  int calls = 64;            // of a kernel, timed together
  int read_mebibytes = 2048; // that the bandwidth is measured with
  int mma_rounds = 4096;     // of the loop that the arithmetic is measured with
  int cold_mebibytes = 512;  // of weights that a kernel goes through: several times the L2 cache
};

// Of name=value arguments, named as the members but for read_mib and cold_mib; lists have commas. Throws kInvalidArgument.
Options parse_options(int argc, const char* const* argv);

}  // namespace ragdraft::gpu_check
