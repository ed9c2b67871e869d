// Times the kernels of the CPU backend on cold memory: one line of JSON a measurement, seconds of one call.
//   ragdraft_kernels [name=value]...   threads, runs, cold (MiB), depth, linear and attention (rows: 1,4,11), types, kv
// Every call of a sweep meets other memory than the one before, `cold` MiB in all: weights and keys come from DRAM, as they do
// in a model that does not fit into a cache.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "arguments.h"
#include "base/error.h"
#include "kv_fixture.h"
#include "ops/backend.h"
#include "random_matrix.h"
#include "team.h"

namespace {

using namespace ragdraft;
using formats::DType;

struct Options {
  int threads = 0, runs = 5, cold = 1024, depth = 16384;
  std::string linear = "1,4,11,128", attention = "1,4,11,256", types = "Q8_0,Q4_0,Q4_K,Q6_K,F16,BF16", kv = "f16,bf16";
};

Options parse(int argc, char** argv) {
  Options options;
  const std::map<std::string, int*> counts = {
      {"threads", &options.threads}, {"runs", &options.runs}, {"cold", &options.cold}, {"depth", &options.depth}};
  const std::map<std::string, std::string*> lists = {
      {"linear", &options.linear}, {"attention", &options.attention}, {"types", &options.types}, {"kv", &options.kv}};
  bench::parse(argc, argv, counts, lists);
  return options;
}

// Median seconds of one call, over `runs` sweeps of `calls` calls, after a sweep that is not counted.
template <class Call>
double median_call(int runs, int calls, const Call& call) {
  std::vector<double> seconds;
  for (int run = -1; run < runs; ++run) {
    const double start = bench::seconds_now();
    for (int i = 0; i < calls; ++i) call(i);
    if (run >= 0) seconds.push_back((bench::seconds_now() - start) / calls);
  }
  std::sort(seconds.begin(), seconds.end());
  return (seconds[(seconds.size() - 1) / 2] + seconds[seconds.size() / 2]) / 2;
}

void print(const ops::Backend& backend, const char* kind, const std::string& shape, const std::string& type, int rows, int depth,
           double seconds, double bytes, double operations) {
  std::printf(
      "{\"backend\":\"%s\",\"kind\":\"%s\",\"shape\":\"%s\",\"type\":\"%s\",\"rows\":%d,\"depth\":%d,\"seconds\":%.9g,\"bytes\":%.0f,"
      "\"operations\":%.0f}\n",
      backend.name().c_str(), kind, shape.c_str(), type.c_str(), rows, depth, seconds, bytes, operations);
  std::fflush(stdout);
}

// y = W x with W of 2,048 outputs and 8,192 inputs: the down projection of a 1B model.
void time_linear(ops::Backend& backend, const Options& options, const std::string& type_name) {
  constexpr int64_t kOutputs = 2048, kInputs = 8192;
  const DType type = bench::named<DType>({{"F32", DType::kF32},
                                   {"F16", DType::kF16},
                                   {"BF16", DType::kBF16},
                                   {"Q8_0", DType::kQ8_0},
                                   {"Q4_0", DType::kQ4_0},
                                   {"Q4_K", DType::kQ4_K},
                                   {"Q5_K", DType::kQ5_K},
                                   {"Q6_K", DType::kQ6_K}},
                                  type_name);
  const testing::RandomMatrix source = testing::random_matrix(type, kOutputs, kInputs, 1);
  std::vector<std::unique_ptr<ops::Matrix>> matrices;
  size_t bytes = 0;
  while (bytes < size_t(options.cold) << 20) {
    matrices.push_back(backend.pack(source.view()));
    bytes += matrices.back()->bytes;
  }
  for (const std::string& text : bench::split(options.linear)) {
    const int rows = bench::positive(text);
    const std::vector<float> x = testing::random_floats(size_t(rows * kInputs), 2);
    std::vector<float> y(size_t(rows * kOutputs));
    const double seconds = median_call(options.runs, int(matrices.size()), [&](int i) {
      const ops::LinearTask task{matrices[size_t(i)].get(), nullptr, y.data()};
      backend.linear({&task, 1}, {x.data()}, rows, ops::Precision::kFull);
    });
    print(backend, "linear", "2048x8192", type_name, rows, 0, seconds, double(matrices[0]->bytes), 2.0 * rows * kOutputs * kInputs);
  }
}

// Rows behind `depth` keys, layer after layer, in the shape of Llama-3.2-1B: 32 query heads, 8 KV heads of 64.
void time_attention(ops::Backend& backend, const Options& options, const std::string& kv_name) {
  constexpr int kHeads = 32, kKvHeads = 8, kHeadDim = 64;
  kv::KvLayout layout{.layers = 1, .kv_heads = kKvHeads, .head_dim = kHeadDim};
  layout.type = bench::kv_type(kv_name);
  int most = 1;
  for (const std::string& text : bench::split(options.attention)) most = std::max(most, bench::positive(text));
  const int pages = (options.depth + most + kPageTokens - 1) / kPageTokens;
  layout.layers = std::max(1, int((size_t(options.cold) << 20) / (layout.page_bytes() * size_t(pages))));
  const fixture::Cache cache(backend, layout, 1, pages * kPageTokens);

  constexpr int kPiece = 1024;  // rows that are appended at once
  const std::vector<float> keys = fixture::random_values(size_t(kPiece) * kKvHeads * kHeadDim, 1);
  for (int layer = 0; layer < layout.layers; ++layer)
    for (int done = 0; done < options.depth; done += kPiece) {
      const kv::KvSpan span = cache.span(0, 0, std::min(kPiece, options.depth - done), done);
      backend.rope_append_kv(layout, layer, {&span, 1}, {}, 0, nullptr, keys.data(), keys.data());
    }
  for (const std::string& text : bench::split(options.attention)) {
    const int rows = bench::positive(text);
    const std::vector<float> q = fixture::random_values(size_t(rows) * kHeads * kHeadDim, 2);
    std::vector<float> out(q.size());
    // The rows' own keys lie in the cache already (zeros): what is timed is attention alone.
    const kv::KvSpan span = cache.span(0, 0, rows, options.depth);
    const double seconds = median_call(options.runs, layout.layers, [&](int layer) {
      backend.attention(layout, layer, {&span, 1}, kHeads, 1 / std::sqrt(float(kHeadDim)), q.data(), out.data());
    });
    const double token_bytes = double(layout.page_bytes()) / layout.layers / kPageTokens;
    const double pairs = double(rows) * (options.depth + (rows + 1) / 2.0);  // of a row and a position that it sees
    print(backend, "attention", "32 heads, 8 KV heads of 64", kv_name, rows, options.depth, seconds, token_bytes * (options.depth + rows),
          4.0 * kHeads * kHeadDim * pairs);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse(argc, argv);
  const auto backend = ops::make_cpu_backend(options.threads);
  for (const std::string& type : bench::split(options.types)) time_linear(*backend, options, type);
  for (const std::string& type : bench::split(options.kv)) time_attention(*backend, options, type);
} catch (const ragdraft::Error& error) {
  std::fprintf(stderr, "ragdraft_kernels: %s\n", error.what());
  return 2;
}
