#include "goals.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

namespace ragdraft::gpu_check {
namespace {

const char* const kModel = "llama-3.1-8b";
constexpr int kDepth = 131072, kDraftDepth = 4096, kVerifyRows = 11;
constexpr double kLimitPercent = 80, kVerifyCost = 1.15, kDraftMs = 1.6;
constexpr double kWithin = 0.85;  // of a derived speedup

std::string text(double value, const char* unit, int digits = 2) {
  char out[64];
  std::snprintf(out, sizeof out, "%.*f%s", digits, value, unit);
  return out;
}

// The rows of the model whose passes are bare: setting "".
std::vector<Row> chosen(const std::vector<Row>& rows, const std::function<bool(const Row&)>& wanted) {
  std::vector<Row> out;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(out),
               [&](const Row& r) { return r.model == kModel && r.setting.empty() && wanted(r); });
  return out;
}

struct Pair {
  const char *weights, *kv;
  double h200_ms;  // of a decode
};
const Pair kPairs[] = {{"BF16", "bf16", 9.4}, {"Q8_0", "q8", 4.8}};

// Of drafts by the nested four bits, derived from bandwidth alone.
struct Derived {
  double alpha, times;
};
const Derived kNested[] = {{0.75, 1.53}, {0.9, 2.04}, {0.95, 2.40}};

std::string name_of(const Row& r) { return r.model + " " + r.weights + ", " + r.kv + " KV, " + r.metric + " behind " + std::to_string(r.depth); }

}  // namespace

Speedup best_speedup(double alpha, double plain_ms, double draft_ms, const std::vector<Row>& verify) {
  Speedup best{1, 0};
  for (const Row& pass : verify) {
    const int drafts = pass.rows - 1;
    const double tokens = (1 - std::pow(alpha, drafts + 1)) / (1 - alpha);
    const double times = tokens * plain_ms / (drafts * draft_ms + pass.ms);
    if (times > best.times) best = {times, drafts};
  }
  return best;
}

std::vector<Check> goals(const std::vector<Row>& rows, const Machine& machine) {
  std::vector<Check> out;
  const bool h200 = machine.gpu.find("H200") != std::string::npos;
  const auto of = [&](const char* metric, const char* weights, const char* kv, int depth) {
    return chosen(rows, [&, metric = std::string(metric)](const Row& r) {
      return r.metric == metric && r.weights == weights && r.kv == kv && r.depth == depth;
    });
  };
  for (const Pair& pair : kPairs)
    for (const Row& decode : of("decode", pair.weights, pair.kv, kDepth)) {
      const double percent = 100 * decode.limit_ms / decode.ms;
      out.push_back({name_of(decode) + ", of the roofline", text(percent, " %", 0), ">= " + text(kLimitPercent, " %", 0), percent >= kLimitPercent});
      if (h200) out.push_back({name_of(decode), text(decode.ms, " ms"), "<= " + text(pair.h200_ms, " ms", 1), decode.ms <= pair.h200_ms});
      for (const Row& verify : of("verify", pair.weights, pair.kv, kDepth)) {
        if (verify.rows != kVerifyRows) continue;
        const double cost = verify.ms / decode.ms;
        out.push_back({name_of(verify) + ", 11 rows, in decodes", text(cost, ""), "<= " + text(kVerifyCost, ""), cost <= kVerifyCost});
      }
    }
  for (const Row& draft : chosen(rows, [](const Row& r) { return r.metric == "draft" && r.weights == "Q8_0" && r.depth == kDraftDepth; }))
    if (h200) out.push_back({name_of(draft), text(draft.ms, " ms"), "<= " + text(kDraftMs, " ms", 1), draft.ms <= kDraftMs});

  const auto plain = of("decode", "Q8_0", "q8", kDepth), verify = of("verify", "Q8_0", "q8", kDepth), draft = of("draft", "Q8_0", "q8", kDraftDepth);
  if (plain.empty() || verify.empty() || draft.empty()) return out;
  for (const Derived& derived : kNested) {
    const Speedup speedup = best_speedup(derived.alpha, plain[0].ms, draft[0].ms, verify);
    out.push_back({"speculation by nested drafts at an acceptance of " + text(derived.alpha, "") + ", from the passes above, times",
                   text(speedup.times, "") + " (" + std::to_string(speedup.drafts) + " drafts)", ">= " + text(kWithin * derived.times, ""),
                   speedup.times >= kWithin * derived.times});
  }
  return out;
}

}  // namespace ragdraft::gpu_check
