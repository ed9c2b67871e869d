// gpu_check (tools/gpu-check): rooflines, arguments, measurements on the emulated device, the report.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "device_array.h"
#include "kernels.h"
#include "module_fixture.h"
#include "ops/backend.h"
#include "options.h"
#include "passes.h"
#include "random_matrix.h"
#include "report.h"
#include "shapes.h"
#include "tap.h"

using namespace ragdraft;
using namespace ragdraft::gpu_check;
using formats::DType;
using kv::KvType;

namespace {

const Peaks kPeaks{4300, 790000};

double limit(const PassShape& pass) { return roofline(shape_of("llama-3.1-8b"), pass, kPeaks).ms; }
bool near(double a, double b) { return std::fabs(a / b - 1) < 0.005; }

Options parsed(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "gpu_check");
  return parse_options(int(arguments.size()), arguments.data());
}

std::string contents(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A report whose lines go nowhere.
struct Quiet {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines{std::tmpfile(), std::fclose};
  Report report{"", lines.get()};
  Quiet() { report.set_device("a card", 1, kPeaks); }
};

}  // namespace

TEST("rooflines: 8B weights of 7.50 billion elements, 128 KiB of keys and values a token") {
  CHECK(matrix_elements(shape_of("llama-3.1-8b")) == 7504658432);
  CHECK(kv_token_bytes(shape_of("llama-3.1-8b"), KvType::kBF16) == 131072);
  CHECK(kv_token_bytes(shape_of("qwen2.5-7b"), KvType::kBF16) == 57344);
  CHECK(kv_token_bytes(shape_of("llama-3.1-8b"), KvType::kQ8) == 65536 + 2 * 32 * 8 * 4);
  CHECK(near(limit({DType::kBF16, false, KvType::kBF16, 1, 8192}), 3.74));
  CHECK(near(limit({DType::kBF16, false, KvType::kBF16, 1, 131072}), 7.49));
  CHECK(near(limit({DType::kQ8_0, false, KvType::kQ8, 1, 131072}), (7504658432 * 34.0 / 32 + 131073 * 67584.0) / 4.3e9));
  CHECK(near(limit({DType::kQ8_0, true, KvType::kBF16, 1, 0}), 7504658432 * 18.0 / 32 / 4.3e9));
  CHECK(near(limit({DType::kBF16, false, KvType::kBF16, 11, 131072}), 7.49));  // rows are free until the arithmetic is full
  CHECK(near(limit({DType::kBF16, false, KvType::kBF16, 8192, 0, false}),
             (2.0 * (7504658432 - 4096LL * 128256) * 8192 + 4.0 * 32 * 32 * 128 * 4096.5 * 8192) / 790e9));
}

TEST("every type of weights that models have is measured by name") {
  const std::string script = contents("tools/gpu-check/run.sh"), list = script.substr(script.find(" kernel_weights=BF16") + 16);
  for (const DType type : testing::kTypes) {
    if (formats::computed_as(type) != type) continue;
    const std::string name(formats::info(type).name);
    CHECK_MSG(weight_type(name) == type && ("," + list.substr(0, list.find('\n')) + ",").find("," + name + ",") != std::string::npos, name);
  }
}

TEST("arguments are name=value, depths whole pages in order; others are refused") {
  const Options o = parsed({"part=passes", "model=tiny", "depths=64,128", "runs=3", "device=0", "json=x.json", "kv=q8"});
  CHECK(o.part == "passes" && o.model == "tiny" && o.depths == (std::vector<int>{64, 128}) && o.runs == 3 && o.json == "x.json");
  for (const char* bad : {"calls=0", "depths=65", "depths=128,64", "depths=", "runs=0", "runs=x", "runs", "speed=9", "verify=300"})
    CHECK_THROWS(kInvalidArgument, parsed({bad}));
  for (const char* unknown : {"llama", ""}) CHECK_THROWS(kInvalidArgument, shape_of(unknown));
  CHECK_THROWS(kInvalidArgument, weight_type("Q3"));
  CHECK_THROWS(kInvalidArgument, kv_type("f32"));
}

TEST("passes: decode, draft and verify at every context, prefill; a verify has the bits of decodes") {
  Quiet quiet;
  const Options options = parsed({"model=tiny", "weights=Q8_0", "depths=64,128", "verify=2,11", "runs=1", "kv=q8"});
  measure_passes(ops::make_cuda_backend(testing::api(), 0), options, quiet.report);
  std::vector<std::string> seen;
  for (const Row& row : quiet.report.rows()) {
    CHECK(row.ms > 0 && row.limit_ms > 0);
    if (row.setting.empty()) seen.push_back(std::to_string(row.depth) + " " + row.metric + " " + std::to_string(row.rows));
  }
  CHECK(seen == (std::vector<std::string>{"64 decode 1", "64 draft 1", "64 verify 11", "128 decode 1", "128 draft 1", "128 verify 2",
                                          "128 verify 11", "0 prefill 64", "0 prefill 128"}));
  CHECK(quiet.report.failed() == 0 && quiet.report.skipped().empty());
}

TEST("what does not fit into the memory of the device is left out, the longest context first, and the rest is measured") {
  const emulator::Config before = emulator::config();
  emulator::config().memory_bytes = emulator::device_bytes_in_use() + (size_t{256} << 20);
  Quiet quiet;
  const Options options = parsed({"model=tiny", "weights=BF16", "depths=64,1048576", "verify=2", "runs=1", "kv=q8"});
  measure_passes(ops::make_cuda_backend(testing::api(), 0), options, quiet.report);
  CHECK(quiet.report.skipped().size() == 1 &&
        quiet.report.skipped()[0].rfind("tiny BF16, q8 KV, at context 1048576: cannot allocate", 0) == 0);
  CHECK(quiet.report.failed() == 0 && quiet.report.rows().size() >= 4);
  for (const Row& row : quiet.report.rows()) CHECK(row.depth <= 64);
  emulator::config() = before;
}

TEST("the report has a line for every figure, and counts what must hold") {
  const std::string file = "gpu_check_report.json";
  std::remove(file.c_str());
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::tmpfile(), std::fclose);
  Report report(file, lines.get());
  report.set_device("a \"card\"", 8, kPeaks);
  report.add({.model = "llama-3.1-8b", .metric = "decode", .rows = 1, .depth = 64, .weights = "BF16", .kv = "bf16", .ms = 10, .runs = 9, .limit_ms = 7.5});
  CHECK(contents(file) == "{\"gpu\":\"a \\\"card\\\"\",\"memoryGiB\":8,\"readGbps\":4300,\"bf16Gops\":790000}\n"
                          "{\"model\":\"llama-3.1-8b\",\"weights\":\"BF16\",\"kv\":\"bf16\",\"metric\":\"decode\",\"rows\":1,\"depth\":64,"
                          "\"ms\":10,\"runs\":9,\"limitMs\":7.5,\"limitPercent\":75}\n");
  report.check("this", "1", "1");
  report.check("that", "1", "2");
  report.skip("all", "no memory");
  CHECK(report.failed() == 1 && report.skipped()[0] == "all: no memory");
  CHECK(contents(file).find("{\"check\":\"that\",\"found\":\"1\",\"ok\":false}\n{\"skipped\":\"all\",\"why\":\"no memory\"}\n") != std::string::npos);
  std::rewind(lines.get());
  std::string text;
  for (char line[400]; std::fgets(line, sizeof line, lines.get()) != nullptr;) text += line;
  CHECK(text.find("\nok - this: 1\nnot ok - that: 1, wanted 2\nskipped: all: no memory\n") != std::string::npos);
  std::remove(file.c_str());
  Report nowhere("/nowhere/report.json", lines.get());
  CHECK_THROWS(kFileWrite, nowhere.set_device("", 0, kPeaks));
}
