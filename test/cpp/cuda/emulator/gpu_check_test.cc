// What gpu_check says of figures (tools/gpu-check): rooflines, goals, arguments, the report.
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "apart.h"
#include "derived.h"
#include "device_array.h"
#include "goals.h"
#include "kernels.h"
#include "module_fixture.h"
#include "ops/backend.h"
#include "options.h"
#include "passes.h"
#include "report.h"
#include "random_matrix.h"
#include "random_model.h"
#include "rounds.h"
#include "shapes.h"
#include "table.h"
#include "tap.h"

using namespace ragdraft;
using namespace ragdraft::gpu_check;
using kv::KvType;
using formats::DType;

namespace {

const Peaks kPeaks{4300, 4300, 790000};

double limit(const PassShape& pass, const char* model = "llama-3.1-8b") { return roofline(shape_of(model), pass, kPeaks).ms; }
bool near(double a, double b) { return std::fabs(a / b - 1) < 0.005; }

Row pass(const char* metric, const char* weights, const char* kv, int rows, int depth, double ms) {
  return {.model = "llama-3.1-8b", .metric = metric, .rows = rows, .depth = depth, .weights = weights, .kv = kv, .ms = ms, .limit_ms = 7.5};
}

Row round_row(const char* weights, const char* kv, const char* drafter, int drafts, double ms, double apart_ms = 0) {
  Row row = pass("round", weights, kv, drafts + 1, 131072, ms);
  row.setting = drafter;
  row.apart_ms = apart_ms;
  return row;
}

Row kernel_row(const char* setting, int rows, double ms, const char* kv = "") {
  return {.model = "llama-3.1-8b", .metric = "kernel", .rows = rows, .kv = kv, .setting = setting, .ms = ms};
}

const Check* found(const std::vector<Check>& checks, const std::string& part) {
  for (const Check& check : checks)
    if (check.what.find(part) != std::string::npos) return &check;
  return nullptr;
}

using Lines = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
std::string read_all(const Lines& lines) {
  std::rewind(lines.get());
  std::string text;
  for (char line[600]; std::fgets(line, sizeof line, lines.get()) != nullptr;) text += line;
  return text;
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
  CHECK(there.size() == 3 && there[1].ok && there[1].wanted == "<= 9.40 ms");
  CHECK(goals({}, {"NVIDIA H200", "", 1, 1}).empty());
  Row waited = rows[0];
  waited.setting = "logits to the host";
  CHECK(goals({waited}, {"NVIDIA H200", "", 1, 1}).empty());
}

TEST("speculation is worth tau T / R, at the best number of drafts, and never less than nothing") {
  const std::vector<Row> rounds = {round_row("Q8_0", "q8", kNested, 3, 7), round_row("Q8_0", "q8", kNested, 10, 6.4)};
  const Speedup many = best_speedup(0.95, 4, rounds), none = best_speedup(0.1, 4, {round_row("Q8_0", "q8", kNested, 3, 16)});
  const Speedup few = best_speedup(0.5, 4, {rounds[0], round_row("Q8_0", "q8", kNested, 10, 20)});
  CHECK(few.drafts == 3 && near(few.times, 1.875 * 4 / 7));
  CHECK(many.drafts == 10 && near(many.times, (1 - std::pow(0.95, 11)) / 0.05 * 4 / 6.4));
  CHECK(none.drafts == 0 && none.times == 1);
}

TEST("the derived speedups are those of the derived passes, as far as drafts of 1 to 16 go") {
  // Q8_0 by its upper four bits: a step of 1 ms at 4K, passes of 3.8 ms behind 128K.
  std::vector<Row> rounds;
  for (int drafts = 1; drafts <= 16; drafts++) rounds.push_back(round_row("Q8_0", "q8", kNested, drafts, drafts * 1.0 + 3.8));
  const DerivedSpeedup& derived = kDerivedSpeedups[3];
  for (size_t i = 0; i < std::size(kAcceptances); i++)
    CHECK(std::fabs(best_speedup(kAcceptances[i], 3.8, rounds).times / derived.times[i] - 1) < 0.03);
  for (const DerivedPass& pass : kDerivedPasses)
    for (size_t d = 0; d < std::size(kDerivedDepths); d++) {
      const PassShape shape{weight_type(pass.weights), std::string(pass.metric) == "draft", kv_type(pass.kv), 1, kDerivedDepths[d]};
      CHECK(std::fabs(limit(shape) / pass.ms[d] - 1) < 0.07);  // those count scales of 8-bit numbers for nothing
    }
}

TEST("goals of rounds: beyond their passes, and times faster than plain steps; both types against each other's") {
  std::vector<Row> rows = {round_row("BF16", "bf16", "", 0, 9), round_row("Q8_0", "q8", "", 0, 4.5),
                           round_row("Q8_0", "q8", kNested, 10, 15.6, 15), round_row("BF16", "bf16", kSameWeights, 10, 50, 45),
                           round_row("Q8_0", "q8", kNested, 3, 7.5, 7)};
  const std::vector<Check> checks = goals(rows, {"a card", "", 1, 1});
  const Check* const nested = found(checks, "Q8_0, q8 KV, round behind 131072, 10 drafts by nested 4-bit, beyond its passes");
  const Check* const same = found(checks, "10 drafts by the same weights, beyond its passes");
  CHECK(nested && nested->ok && nested->found == "4.0 %" && nested->wanted == "<= 5.0 %" && same && !same->ok && same->found == "11.1 %");
  const Check* const own = found(checks, "drafts by nested 4-bit, acceptance 0.90, times a plain step of Q8_0");
  const Check* const other = found(checks, "drafts by nested 4-bit, acceptance 0.90, times a plain step of BF16");
  const double times = (1 - std::pow(0.9, 4)) / 0.1 * 4.5 / 7.5;  // by 3 drafts; 1.98 by 10
  CHECK(own && own->ok && near(times, 2.063) && own->found == "2.06 (3 drafts)" && own->wanted == ">= 1.73, derived 2.04");
  CHECK(other && other->ok && other->found == "4.13 (3 drafts)" && other->wanted == ">= 3.40, derived 4.00");
  CHECK(checks.size() == 2 + 3 * 3 && !found(checks, "Q4_0"));
}

TEST("goals of small kernels: what a decode has of them, and what a round draws and judges with") {
  std::vector<Row> rows = {pass("decode", "BF16", "bf16", 1, 131072, 9), round_row("BF16", "bf16", kSameWeights, 10, 50, 40)};
  for (const char* setting : {"inputs: plain, bf16", "inputs: norm, bf16", "inputs: swiglu, bf16"}) rows.push_back(kernel_row(setting, 1, 0.006));
  rows.push_back(kernel_row("rope: append", 1, 0.006, "q8"));
  CHECK(!found(goals(rows, {"a card", "", 1, 1}), "norms, rotation"));
  rows.push_back(kernel_row("rope: append", 1, 0.006, "bf16"));
  rows.push_back(kernel_row("draft: sampled", 1, 0.1));
  rows.push_back(kernel_row("judge: lossless", 11, 0.2));
  const std::vector<Check> checks = goals(rows, {"a card", "", 1, 1});
  const Check* const layers = found(checks, "norms, rotation, SwiGLU and other inputs of products, of the decode");
  CHECK(layers && !layers->ok && layers->found == "10.7 %");  // 32 x 5 x 6 us of 9 ms
  const Check* const judging = found(checks, "kernels that draw and judge, of its passes");
  CHECK(judging && judging->ok && judging->found == "3.0 %");
}

TEST("the table has passes and rounds by depth, and what speculation is worth beside what was derived") {
  const Lines lines(std::tmpfile(), std::fclose);
  std::vector<Row> rows = {pass("decode", "BF16", "bf16", 1, 131072, 9), pass("decode", "BF16", "bf16", 1, 8192, 4), pass("verify", "BF16", "bf16", 4, 8192, 77),
                           round_row("Q8_0", "q8", "", 0, 4.5), round_row("Q8_0", "q8", kNested, 10, 15), round_row("Q8_0", "q8", kNested, 3, 7.5)};
  print_table(rows, lines.get());
  const std::string text = read_all(lines);
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  CHECK(has("8192            131072\n") && has("BF16, bf16 KV, decode") && has("    4.000 /  7.500    9.000 /  7.500\n"));
  CHECK(has("derived for an H200") && has("              3.74              7.49\n") && !has("77.000") && !has("round, 3 by"));
  CHECK(has("Q8_0, q8 KV, round, no drafts") && has("round, 10 by nested 4-bit"));
  CHECK(has("by nested 4-bit, behind 131072") && has("2.06 ( 3)") && has("1.53 ") && !has("4.70"));
  const Lines nothing(std::tmpfile(), std::fclose);
  print_table({}, nothing.get());
  CHECK(read_all(nothing) == "\n");
}

TEST("the table adds up the kernels of a pass, once all of them were measured") {
  std::vector<Row> rows = {pass("decode", "Q8_0", "q8", 1, 8192, 4), pass("verify", "Q8_0", "q8", 11, 8192, 5)};
  const auto kernel = [&](const char* setting, double ms, const char* weights = "", const char* kv = "", int depth = 0, int count = 1) {
    Row row = kernel_row(setting, count, ms, kv);
    row.weights = weights;
    row.depth = depth;
    rows.push_back(row);
  };
  for (const char* product : {"linear: q, k, v", "linear: attention output", "linear: gate, up", "linear: down"}) kernel(product, 0.02, "Q8_0");
  kernel("linear: logits", 0.1, "Q8_0");
  for (const char* input : {"inputs: norm, bytes", "inputs: plain, bytes", "inputs: swiglu, bytes"}) kernel(input, 0.002);
  kernel("attention", 0.01, "", "q8", 8192);
  kernel("rope: append", 0.003, "", "q8");
  kernel("attention", 9, "", "bf16", 8192);
  kernel("attention", 9, "", "q8", 32768);
  kernel("attention", 9, "", "q8", 8192, 11);
  const auto printed = [&] {
    const Lines lines(std::tmpfile(), std::fclose);
    print_table(rows, lines.get());
    return read_all(lines);
  };
  CHECK(printed().find("by themselves") == std::string::npos);
  kernel("rope: angles", 0.005);
  // 32 x 4 x 0.02 + 0.1; 32 x 0.01; (65 + 32 + 32) x 0.002; 32 x 0.003 + 0.005
  const std::string text = printed();
  CHECK(text.find("Q8_0, q8 KV, decode behind 8192") != std::string::npos);
  CHECK(text.find("2.660       0.320       0.258       0.101       3.339       4.000\n") != std::string::npos);
  CHECK(text.find("verify(11) behind") == std::string::npos);
}

TEST("every type of weights that models have is measured by name") {
  for (const DType type : testing::kTypes) {
    const std::string name(formats::info(type).name);
    const std::vector<std::string> all = Options().kernel_weights;
    CHECK_MSG(weight_type(name) == type && std::find(all.begin(), all.end(), name) != all.end(), name);
  }
}

TEST("rounds by every drafter: with passes beside them, and with the text of decodes") {
  const Lines lines(std::tmpfile(), std::fclose);
  Report report("", "", lines.get());
  report.set_peaks(kPeaks);
  const Options options = parsed({"depths=64,128", "draft_depth=64", "verify=2,11", "runs=1", "kv=bf16", "drafters=Q8_0,tiny:F16,llama-3.2-1b:BF16,Q3"});
  CHECK_THROWS(kInvalidArgument, measure_passes("tiny", "BF16", ops::make_cuda_backend(testing::api(), 0), options, Deadline(3600), report));
  const Options known = parsed({"depths=64,128", "draft_depth=64", "verify=2,11", "runs=1", "kv=bf16", "drafters=Q8_0,tiny:F16,llama-3.2-1b:BF16"});
  measure_passes("tiny", "BF16", ops::make_cuda_backend(testing::api(), 0), known, Deadline(3600), report);
  std::vector<std::string> seen;
  for (const Row& row : report.rows()) {
    if (row.metric != "round") continue;
    seen.push_back(std::to_string(row.depth) + " " + row.setting + " " + std::to_string(row.rows));
    CHECK(row.ms > 0 && row.limit_ms > 0 && (row.apart_ms > 0) == (row.rows > 1));
  }
  CHECK(seen == (std::vector<std::string>{"64  1", "64 the same weights 11", "64 Q8_0 11", "64 F16 11",
                                          "64 the same weights, exact 11", "64 the same weights, paper 11", "128  1", "128 the same weights 2",
                                          "128 the same weights 11", "128 Q8_0 2", "128 Q8_0 11", "128 F16 2", "128 F16 11",
                                          "128 the same weights, exact 11", "128 the same weights, paper 11"}));
  CHECK(report.failed() == 0 && report.checks().size() == 3 && report.checks()[2].found == "16");
}

TEST("a round that the host has to see to is no round of this report") {
  const model::Config config = shape_of("tiny");
  const WeightPool pool(DType::kQ8_0, largest_matrix(config));  // this backend reads the weights where they are
  const auto model = random_model(config, pool, ops::make_reference_backend());
  const auto session = [&] { return std::make_unique<runtime::ModelSequence>(model, std::make_unique<kv::Sequence>(model->cache(KvType::kBF16), 64), ops::Precision::kFull); };
  const auto target = session(), drafter = session();
  RoundBench bench(*target, drafter.get());
  CHECK_THROWS(kInternal, bench.round_ms(1, 1));
  CHECK_THROWS(kInternal, RoundBench(*target, nullptr).round_ms(1, 1));
  CHECK(bench.text(2, 5) == bench.text(0, 5) && target->sequence->length() == 0 && drafter->sequence->length() == 0);
}

TEST("arguments are name=value, depths whole pages in order; others are refused") {
  const Options o = parsed({"models=tiny", "depths=64,128", "runs=3", "device=0", "json=x.json", "kv=q8"});
  CHECK(o.models == std::vector<std::string>{"tiny"} && o.depths == (std::vector<int>{64, 128}) && o.runs == 3 && o.json == "x.json");
  for (const char* bad : {"calls=0", "depths=65", "depths=128,64", "depths=", "runs=0", "runs=x", "runs", "speed=9", "verify=300", "draft_depth=65"})
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
  measure_passes("tiny", "Q8_0", ops::make_cuda_backend(testing::api(), 0), options, Deadline(3600), report);
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
  measure_small_kernels("tiny", options, Deadline(0), report);
  measure_linear("tiny", "Q8_0", options, Deadline(0), report);
  const std::string json = report.to_json();
  CHECK(report.rows().empty() && json.find("behind 64: no time is left for it") != std::string::npos);
  CHECK(json.find("tiny, linear, Q8_0: no time is left for it") != std::string::npos);
}

TEST("a measurement in a process of its own reports as if it were here; its error, its death and its going on for ever are failures") {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::tmpfile(), std::fclose);
  Report report("", "", lines.get());
  const Row row = pass("decode", "BF16", "bf16", 1, 64, 1.0 / 3);
  run_apart("figures", Deadline(3600), report, [&](Listener& to) {
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

  run_apart("refused", Deadline(3600), report, [](Listener& to) {
    to.check({"before", "1", "1", true});
    throw Error(Code::kDeviceFailed, "a device's error");
  });
  run_apart("killed", Deadline(3600), report, [](Listener&) { raise(SIGKILL); });
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
