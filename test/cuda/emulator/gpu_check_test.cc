// What gpu_check says of figures (bench/native/gpu_check): rooflines, goals, arguments, the report.
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "apart.h"
#include "device_array.h"
#include "goals.h"
#include "kernels.h"
#include "module_fixture.h"
#include "ops/backend.h"
#include "options.h"
#include "passes.h"
#include "report.h"
#include "shapes.h"
#include "tap.h"

using namespace ragdraft;
using namespace ragdraft::gpu_check;
using kv::KvType;
using tensor::DType;

namespace {

const Peaks kPeaks{4300, 4300, 790000};

double limit(const PassShape& pass, const char* model = "llama-3.1-8b") { return roofline(shape_of(model), pass, kPeaks).ms; }
bool near(double a, double b) { return std::fabs(a / b - 1) < 0.005; }

Row pass(const char* metric, const char* weights, const char* kv, int rows, int depth, double ms) {
  return {.model = "llama-3.1-8b", .metric = metric, .rows = rows, .depth = depth, .weights = weights, .kv = kv, .ms = ms, .limit_ms = 7.5};
}

Options parsed(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "gpu_check");
  return parse_options(int(arguments.size()), arguments.data());
}

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

TEST("goals: of the roofline everywhere, in milliseconds on the card they were set for, of nothing that was not measured") {
  const std::vector<Row> rows = {pass("decode", "BF16", "bf16", 1, 131072, 9), pass("verify", "BF16", "bf16", 11, 131072, 10.5),
                                 pass("decode", "BF16", "bf16", 1, 8192, 100)};
  const std::vector<Check> anywhere = goals(rows, {"a card", "", 1, 1});
  CHECK(anywhere.size() == 2 && anywhere[0].ok && !anywhere[1].ok);  // 83 %; 1.17 decodes
  const std::vector<Check> there = goals(rows, {"NVIDIA H200", "", 1, 1});
  CHECK(there.size() == 3 && there[1].ok && there[1].wanted == "<= 9.4 ms");
  CHECK(goals({}, {"NVIDIA H200", "", 1, 1}).empty());
  Row waited = rows[0];
  waited.setting = "logits to the host";
  CHECK(goals({waited}, {"NVIDIA H200", "", 1, 1}).empty());
}

TEST("speculation is worth tau T / (gamma D + V), at the best gamma, and never less than nothing") {
  const std::vector<Row> verify = {pass("verify", "Q8_0", "q8", 4, 131072, 4), pass("verify", "Q8_0", "q8", 11, 131072, 4.4)};
  const Speedup few = best_speedup(0.5, 4, 1, verify), many = best_speedup(0.95, 4, 0.2, verify), none = best_speedup(0.1, 4, 4, verify);
  CHECK(few.drafts == 3 && near(few.times, 1.875 * 4 / 7));
  CHECK(many.drafts == 10 && near(many.times, (1 - std::pow(0.95, 11)) / 0.05 * 4 / 6.4));
  CHECK(none.drafts == 0 && none.times == 1);
  std::vector<Row> rows = verify;
  rows.push_back(pass("decode", "Q8_0", "q8", 1, 131072, 4));
  rows.push_back(pass("draft", "Q8_0", "q8", 1, 4096, 1));
  CHECK(goals(rows, {"a card", "", 1, 1}).size() == 2 + 3);
}

TEST("arguments are name=value, depths whole pages in order; others are refused") {
  const Options o = parsed({"models=tiny", "depths=64,128", "runs=3", "device=0", "json=x.json", "kv=q8"});
  CHECK(o.models == std::vector<std::string>{"tiny"} && o.depths == (std::vector<int>{64, 128}) && o.runs == 3 && o.json == "x.json");
  for (const char* bad : {"depths=65", "depths=128,64", "depths=", "runs=0", "runs=x", "runs", "speed=9", "verify=300", "draft_depth=65"})
    CHECK_THROWS(kInvalidArgument, parsed({bad}));
  for (const char* unknown : {"llama", ""}) CHECK_THROWS(kInvalidArgument, shape_of(unknown));
  CHECK_THROWS(kInvalidArgument, weight_type("Q3"));
  CHECK_THROWS(kInvalidArgument, kv_type("f32"));
}

TEST("what does not fit into the memory of the device is left out, the longest context first, and the rest is measured") {
  const emulator::Config before = emulator::config();
  emulator::config().memory_bytes = emulator::device_bytes_in_use() + (size_t{256} << 20);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::tmpfile(), std::fclose);
  Report report("", "", lines.get());
  report.set_peaks(kPeaks);
  const Options options = parsed({"depths=64,1048576", "draft_depth=64", "verify=2", "runs=1", "kv=q8"});
  measure_passes("tiny", "Q8_0", ops::make_cuda_backend(testing::api(), 0), options, Deadline(60), report);
  CHECK(report.to_json().find("\"skipped\":[\n  \"tiny Q8_0, q8 KV, behind 1048576: cannot allocate") != std::string::npos);
  CHECK(report.failed() == 0 && report.rows().size() >= 6);
  for (const Row& row : report.rows()) CHECK(row.depth <= 64);
  emulator::config() = before;
}

TEST("after the deadline nothing is begun, and that is said") {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::tmpfile(), std::fclose);
  Report report("", "", lines.get());
  report.set_peaks(kPeaks);
  const Options options = parsed({"depths=64", "draft_depth=64", "runs=1", "kv=q8", "kernel_weights=Q8_0"});
  measure_passes("tiny", "Q8_0", ops::make_cuda_backend(testing::api(), 0), options, Deadline(0), report);
  measure_attention("tiny", options, Deadline(0), report);
  measure_linear("tiny", "Q8_0", options, Deadline(0), report);
  const std::string json = report.to_json();
  CHECK(report.rows().empty() && json.find("behind 64: no time is left for it") != std::string::npos);
  CHECK(json.find("tiny, linear, Q8_0: no time is left for it") != std::string::npos);
}

TEST("a measurement in a process of its own reports as if it were here; its error, its death and its going on for ever are failures") {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::tmpfile(), std::fclose);
  Report report("", "", lines.get());
  const Row row = pass("decode", "BF16", "bf16", 1, 64, 1.0 / 3);
  run_apart("figures", Deadline(60), report, [&](Listener& to) {
    to.set_machine({"a card", "a processor", 2, 8.5});
    to.set_peaks(kPeaks);
    to.add(row);
    to.skip("this", "no reason");
    to.check({"that", "1", "1", true});
  });
  CHECK(report.failed() == 0 && report.checks().size() == 1 && report.machine().gpu == "a card" && report.machine().memory_gib == 8.5);
  CHECK(report.peaks().bf16_gops == kPeaks.bf16_gops && report.rows().size() == 1);
  const Row& got = report.rows()[0];
  CHECK(got.model == row.model && got.kv == "bf16" && got.depth == 64 && got.ms == row.ms && got.limit_ms == row.limit_ms);

  run_apart("refused", Deadline(60), report, [](Listener& to) {
    to.check({"before", "1", "1", true});
    throw Error(Code::kDeviceFailed, "a device's error");
  });
  run_apart("killed", Deadline(60), report, [](Listener&) { raise(SIGKILL); });
  run_apart("endless", Deadline(0), report, [](Listener&) { pause(); }, 0.1);
  CHECK(report.failed() == 3 && report.checks().size() == 5);
  CHECK(report.checks()[2].what == "refused: measuring to the end" && report.checks()[2].found == "a device's error");
  CHECK(report.checks()[3].found == "signal 9" && report.checks()[4].what == "endless: ending in time");
}

TEST("the report is a whole file after every row, and counts what must hold") {
  const std::string file = "gpu_check_report.json";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::tmpfile(), std::fclose);
  Report report(file, "abc", lines.get());
  report.set_machine({"a \"card\"", "a processor", 2, 8});
  report.set_peaks(kPeaks);
  report.add(pass("decode", "BF16", "bf16", 1, 64, 10));
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  CHECK(text.find("\"gpu\":\"a \\\"card\\\"\"") != std::string::npos && text.find("\"limitPercent\":75") != std::string::npos);
  CHECK(text.find("\"model\":\"llama-3.1-8b-bf16\"") != std::string::npos && text.back() == '\n');
  report.check({"this", "1", "1", true});
  report.check({"that", "1", "2", false});
  CHECK(report.failed() == 1 && report.checks().size() == 2);
  report.print_end({{"speed", "2", ">= 1", true}});
  std::rewind(lines.get());
  std::string last;
  for (char line[300]; std::fgets(line, sizeof line, lines.get()) != nullptr;) last = line;
  CHECK(last == "1 passed, 1 failed\n");
  CHECK(report.to_json().find("\"goals\":[\n  {\"what\":\"speed\"") != std::string::npos);
  std::remove(file.c_str());
  Report nowhere("/nowhere/report.json", "", lines.get());
  CHECK_THROWS(kFileWrite, nowhere.set_peaks(kPeaks));
}
