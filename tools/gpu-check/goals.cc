#include "goals.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "derived.h"
#include "shapes.h"

namespace ragdraft::gpu_check {
namespace {

constexpr int kDepth = 131072, kDraftDepth = 4096, kVerifyRows = 11, kDrafts = 10;
constexpr double kLimitPercent = 80, kVerifyCost = 1.15, kDraftMs = 1.6, kRoundPercent = 5;
constexpr double kWithin = 0.85;        // of a derived speedup
constexpr double kSmallPercent = 10;    // of a decode: half of what is left beside the roofline

std::string text(double value, const char* unit, int digits = 2) {
  char out[64];
  std::snprintf(out, sizeof out, "%.*f%s", digits, value, unit);
  return out;
}

struct Pair {
  const char *weights, *kv;
  double h200_ms;  // of a decode
  const char *drafter, *inputs;  // the drafter without weights of its own; the form of its products' inputs
};
const Pair kPairs[] = {{"BF16", "bf16", 9.4, kSameWeights, "bf16"}, {"Q8_0", "q8", 4.8, kNested, "bytes"}};

std::string name_of(const Row& r) { return r.model + " " + r.weights + ", " + r.kv + " KV, " + r.metric + " behind " + std::to_string(r.depth); }

class Goals {
 public:
  Goals(const std::vector<Row>& rows, bool h200) : rows_(rows), h200_(h200) {}

  std::vector<Check> all() {
    for (const Pair& pair : kPairs) passes(pair);
    drafts();
    for (const Pair& pair : kPairs) rounds(pair);
    for (const DerivedSpeedup& derived : kDerivedSpeedups) speedups(derived);
    for (const Pair& pair : kPairs) small_kernels(pair);
    return std::move(out_);
  }

 private:
  std::vector<Row> of(const char* metric, const char* weights, const char* kv, int depth = kDepth, const char* setting = "") const {
    return rows_of(rows_, kDerivedModel, metric, weights, kv, setting, depth);
  }
  void at_most(const std::string& what, double found, double wanted, const char* unit, int digits = 2) {
    out_.push_back({what, text(found, unit, digits), "<= " + text(wanted, unit, digits), found <= wanted});
  }
  void at_least(const std::string& what, double found, const std::string& found_text, double wanted, const std::string& wanted_text) {
    out_.push_back({what, found_text, ">= " + wanted_text, found >= wanted});
  }

  void passes(const Pair& pair) {
    for (const Row& decode : of("decode", pair.weights, pair.kv)) {
      const double percent = 100 * decode.limit_ms / decode.ms;
      at_least(name_of(decode) + ", of the roofline", percent, text(percent, " %", 0), kLimitPercent, text(kLimitPercent, " %", 0));
      if (h200_) at_most(name_of(decode), decode.ms, pair.h200_ms, " ms", 2);
      for (const Row& verify : of("verify", pair.weights, pair.kv))
        if (verify.rows == kVerifyRows) at_most(name_of(verify) + ", 11 rows, in decodes", verify.ms / decode.ms, kVerifyCost, "");
    }
  }

  void drafts() {
    for (const char* kv : {"bf16", "q8"})
      for (const Row& draft : of("draft", "Q8_0", kv, kDraftDepth))
        if (h200_) at_most(name_of(draft), draft.ms, kDraftMs, " ms");
  }

  // What a round takes beyond its passes: drawing, judging, the host, one wait.
  void rounds(const Pair& pair) {
    for (const Row& round : of("round", pair.weights, pair.kv, kDepth, pair.drafter))
      if (round.rows == kDrafts + 1 && round.apart_ms > 0)
        at_most(name_of(round) + ", 10 drafts by " + round.setting + ", beyond its passes", 100 * (round.ms / round.apart_ms - 1), kRoundPercent, " %", 1);
  }

  void speedups(const DerivedSpeedup& derived) {
    const auto plain = of("round", derived.plain_weights, derived.plain_kv), rounds = of("round", derived.weights, derived.kv, kDepth, derived.drafter);
    if (plain.empty() || rounds.empty()) return;
    for (size_t i = 0; i < std::size(kAcceptances); i++) {
      const Speedup speedup = best_speedup(kAcceptances[i], plain[0].ms, rounds);
      const double wanted = kWithin * derived.times[i];
      at_least(std::string(derived.weights) + ", " + derived.kv + " KV, drafts by " + derived.drafter + ", acceptance " + text(kAcceptances[i], "") +
                   ", times a plain step of " + derived.plain_weights + ", " + derived.plain_kv + " KV",
               speedup.times, text(speedup.times, "") + " (" + std::to_string(speedup.drafts) + " drafts)", wanted,
               text(wanted, "") + ", derived " + text(derived.times[i], ""));
    }
  }

  double kernel_ms(const std::string& setting, int rows, const std::string& kv = "") const {
    for (const Row& row : rows_)
      if (row.model == kDerivedModel && row.metric == "kernel" && row.setting == setting && row.rows == rows && row.kv == kv) return row.ms;
    return 0;
  }

  // Launches that read little, side by side with the passes that they are part of.
  void small_kernels(const Pair& pair) {
    const auto decode = of("decode", pair.weights, pair.kv);
    const auto input = [&](const char* of) { return kernel_ms(std::string("inputs: ") + of + ", " + pair.inputs, 1); };
    const double plain = input("plain"), norm = input("norm"), swiglu = input("swiglu"), append = kernel_ms("rope: append", 1, pair.kv);
    if (!decode.empty() && plain > 0 && norm > 0 && swiglu > 0 && append > 0) {
      const double layers = shape_of(kDerivedModel).layers * (plain + 2 * norm + swiglu + append);
      at_most(name_of(decode[0]) + ": norms, rotation, SwiGLU and other inputs of products, of the decode", 100 * layers / decode[0].ms, kSmallPercent, " %", 1);
    }
    const double draft = kernel_ms("draft: sampled", 1), judge = kernel_ms("judge: lossless", kDrafts + 1);
    for (const Row& round : of("round", pair.weights, pair.kv, kDepth, pair.drafter)) {
      if (round.rows != kDrafts + 1 || draft == 0 || judge == 0 || round.apart_ms == 0) continue;
      at_most(name_of(round) + ", 10 drafts by " + round.setting + ": kernels that draw and judge, of its passes",
              100 * (kDrafts * draft + judge) / round.apart_ms, kRoundPercent, " %", 1);
    }
  }

  const std::vector<Row>& rows_;
  const bool h200_;
  std::vector<Check> out_;
};

}  // namespace

std::vector<Row> rows_of(const std::vector<Row>& rows, const std::string& model, const std::string& metric, const std::string& weights,
                         const std::string& kv, const std::string& setting, int depth) {
  std::vector<Row> out;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(out), [&](const Row& r) {
    return r.model == model && r.metric == metric && r.weights == weights && r.kv == kv && r.setting == setting && r.depth == depth;
  });
  return out;
}

Speedup best_speedup(double acceptance, double plain_ms, const std::vector<Row>& rounds) {
  Speedup best{1, 0};
  for (const Row& round : rounds) {
    const double tokens = (1 - std::pow(acceptance, round.rows)) / (1 - acceptance);
    const double times = tokens * plain_ms / round.ms;
    if (times > best.times) best = {times, round.rows - 1};
  }
  return best;
}

std::vector<Check> goals(const std::vector<Row>& rows, const Machine& machine) {
  return Goals(rows, machine.gpu.find("H200") != std::string::npos).all();
}

}  // namespace ragdraft::gpu_check
