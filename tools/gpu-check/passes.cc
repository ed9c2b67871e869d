#include "passes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "kv/sequence.h"
#include "random_model.h"
#include "timing.h"

namespace ragdraft::gpu_check {
namespace {

using ops::Precision;

constexpr int kSeedTokens = 1024;  // computed; longer contexts are copies of their pages
constexpr int kVerifyRows = 11;

std::vector<TokenId> some_tokens(int count, int vocab) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; i++) tokens.push_back(TokenId((uint32_t(i) * 2654435761u >> 7) % uint32_t(vocab)));
  return tokens;
}

class Bench {
 public:
  Bench(std::shared_ptr<ops::Backend> backend, const Options& options, Report& report)
      : options_(options), report_(report), backend_(std::move(backend)), config_(shape_of(options.model)), type_(weight_type(options.weights)),
        model_(random_model(config_, WeightPool(type_, largest_matrix(config_)), backend_)),
        tokens_(some_tokens(model::Transformer::kMaxRows, config_.vocab)) {}

  void run(const std::string& kv) {
    std::vector<int> depths = options_.depths;
    const std::unique_ptr<kv::Sequence> sequence = allocate(kv, depths);
    for (const int depth : depths) {
      read(*sequence, std::min(depth, kSeedTokens));
      if (sequence->length() < depth) sequence->repeat(depth);
      backend_->wait();
      if (depth == depths.front()) compare(*sequence, kv);
      measure(*sequence, "decode", kv, 1, Precision::kFull);
      if (model_->draft_bytes() < model_->weight_bytes()) measure(*sequence, "draft", kv, 1, Precision::kDraft);
      for (const int rows : depth == depths.back() ? options_.verify : std::vector<int>{kVerifyRows})
        measure(*sequence, "verify", kv, rows, Precision::kFull);
    }
  }

  // Whole texts, of the first depth and up to four times as long: seconds each.
  void prefill(const std::string& kv) {
    for (const int depth : options_.depths) {
      if (depth > options_.depths.front() * 4) break;
      kv::Sequence sequence(model_->cache(kv_type(kv)), depth);
      const double start = seconds_now();
      read(sequence, depth);
      const double ms = 1000 * (seconds_now() - start);
      // Its rows see half of it, on average.
      const Roofline line = roofline(config_, {type_, false, kv_type(kv), depth, 0, false}, report_.peaks());
      report_.add({.model = options_.model, .metric = "prefill", .rows = depth, .weights = options_.weights, .kv = kv, .ms = ms, .runs = 1,
                   .limit_ms = line.ms, .gops = 2.0 * double(matrix_elements(config_, false)) * depth / ms / 1e6});
    }
  }

 private:
  std::string name_of(const std::string& kv, int depth) const {
    return options_.model + " " + options_.weights + ", " + kv + " KV, at context " + std::to_string(depth);
  }

  void pass(kv::Sequence& sequence, std::span<const TokenId> tokens, int logit_rows, Precision precision, float* logits = nullptr) {
    const model::SequenceRows rows{&sequence, precision, tokens, logit_rows};
    model_->forward({&rows, 1}, logits);
  }

  // Leaves out of `depths` what does not fit into the memory.
  std::unique_ptr<kv::Sequence> allocate(const std::string& kv, std::vector<int>& depths) {
    for (; !depths.empty(); depths.pop_back()) {
      std::unique_ptr<kv::Sequence> sequence;
      tried(name_of(kv, depths.back()), report_,
            [&] { sequence = std::make_unique<kv::Sequence>(model_->cache(kv_type(kv)), depths.back() + model::Transformer::kMaxRows); });
      if (sequence) return sequence;
    }
    return nullptr;
  }

  void read(kv::Sequence& sequence, int length) {
    while (sequence.length() < length)
      pass(sequence, std::span(tokens_).first(size_t(std::min(model::Transformer::kMaxRows, length - sequence.length()))), 0, Precision::kFull);
    backend_->wait();
  }

  // Passes one by one, each from its begin to its end; then as many one after the other, which hides what the host does between them.
  void measure(kv::Sequence& sequence, const std::string& metric, const std::string& kv, int rows, Precision precision) {
    const int depth = sequence.length();
    const auto seconds_of = [&](int count) {
      const double start = seconds_now();
      for (int run = 0; run < count; run++) {  // logits stay on the device, as in a round of speculation
        pass(sequence, std::span(tokens_).first(size_t(rows)), std::min(rows, kMaxVerifyRows), precision);
        sequence.truncate(depth);
      }
      backend_->wait();
      return seconds_now() - start;
    };
    const Roofline line = roofline(config_, {type_, precision == Precision::kDraft, kv_type(kv), rows, depth}, report_.peaks());
    Row row{.model = options_.model, .metric = metric, .rows = rows, .depth = depth, .weights = options_.weights, .kv = kv,
            .runs = options_.runs, .limit_ms = line.ms};
    row.ms = repeated_ms(options_.runs, [&] { return seconds_of(1); });
    row.gbps = line.bytes / row.ms / 1e6;
    report_.add(row);
    row.ms = 1000 * seconds_of(options_.runs) / options_.runs;
    row.gbps = line.bytes / row.ms / 1e6;
    row.setting = "without a wait between passes";
    report_.add(row);
  }

  // What must hold whatever the shape: a verify has the bits of as many decodes, and its logits are numbers.
  void compare(kv::Sequence& sequence, const std::string& kv) {
    const int depth = sequence.length();
    const size_t vocab = size_t(config_.vocab);
    std::vector<float> verified(kVerifyRows * vocab), one(vocab);
    pass(sequence, std::span(tokens_).first(kVerifyRows), kVerifyRows, Precision::kFull, verified.data());
    sequence.truncate(depth);
    int same = 0;
    for (size_t r = 0; r < kVerifyRows; r++) {
      pass(sequence, std::span(tokens_).subspan(r, 1), 1, Precision::kFull, one.data());
      same += std::memcmp(one.data(), verified.data() + r * vocab, vocab * sizeof(float)) == 0;
    }
    sequence.truncate(depth);
    const bool finite = std::all_of(verified.begin(), verified.end(), [](float value) { return std::isfinite(value); });
    const std::string what = name_of(kv, depth);
    report_.check(what + ": rows of a verify of 11 with the bits of decodes", std::to_string(same), std::to_string(kVerifyRows));
    report_.check(what + ": logits are numbers", finite ? "all" : "not all", "all");
  }

  const Options& options_;
  Report& report_;
  const std::shared_ptr<ops::Backend> backend_;
  const model::Config config_;
  const formats::DType type_;
  const std::shared_ptr<model::Transformer> model_;
  const std::vector<TokenId> tokens_;
};

}  // namespace

void measure_passes(std::shared_ptr<ops::Backend> backend, const Options& options, Report& report) {
  const std::string what = options.model + " " + options.weights;
  tried(what, report, [&] {
    Bench bench(std::move(backend), options, report);
    for (const std::string& kv : options.kv) tried(what + ", " + kv + " KV", report, [&] { bench.run(kv); });
    bench.prefill(options.kv.front());
  });
}

}  // namespace ragdraft::gpu_check
