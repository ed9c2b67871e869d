#include "passes.h"

#include <cmath>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "random_model.h"

namespace ragdraft::gpu_check {
namespace {

using ops::Precision;

constexpr int kSeedTokens = 1024;  // read; longer contexts are copies of their pages
constexpr int kVerifyRows = 11;

std::vector<TokenId> some_tokens(int count, int vocab) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; i++) tokens.push_back(TokenId((uint32_t(i) * 2654435761u >> 7) % uint32_t(vocab)));
  return tokens;
}

class Bench {
 public:
  Bench(const std::string& name, const std::string& weights, std::shared_ptr<ops::Backend> backend, const Options& options, Listener& report)
      : name_(name), weights_(weights), options_(options), report_(report), config_(shape_of(name)), type_(weight_type(weights)),
        backend_(std::move(backend)),
        model_(random_model(config_, WeightPool(type_, largest_matrix(config_)), backend_)),
        tokens_(some_tokens(model::Transformer::kMaxRows, config_.vocab)) {}

  void run(const std::string& kv, const Deadline& deadline) {
    drafts(kv, deadline);
    std::vector<int> depths = options_.depths;
    const std::unique_ptr<kv::Sequence> room = room_for(kv, depths);
    for (const int depth : depths) {
      if (left_out(kv, depth, deadline)) continue;
      kv::Sequence& sequence = *room;
      fill(sequence, depth, Precision::kFull);
      if (depth == options_.depths.front()) compare(sequence, kv);
      measure(sequence, "decode", kv, 1, Precision::kFull);
      if (depth == options_.depths.front()) with_host_logits(sequence, kv);
      for (const int rows : depth == depths.back() ? options_.verify : std::vector<int>{kVerifyRows})
        if (!deadline.over()) measure(sequence, "verify", kv, rows, Precision::kFull);
    }
  }

  // Reads of whole texts.
  void prefill(const std::string& kv, const Deadline& deadline) {
    for (const int depth : options_.depths) {
      if (depth > options_.depths.front() * 4) break;  // seconds each
      if (left_out(kv, depth, deadline)) continue;
      kv::Sequence sequence(model_->cache(kv_type(kv)), depth);
      const double start = seconds_now();
      if (!read(sequence, depth, Precision::kFull, &deadline)) continue;
      const double ms = 1000 * (seconds_now() - start);
      // Its rows see half of it, on average.
      const Roofline line = roofline(config_, {type_, false, kv_type(kv), depth, 0, false}, report_.peaks());
      report_.add({.model = name_, .metric = "prefill", .rows = depth, .weights = weights_, .kv = kv, .ms = ms, .runs = 1, .limit_ms = line.ms,
                   .gops = 2.0 * double(matrix_elements(config_, false)) * depth / ms / 1e6});
    }
  }

 private:
  bool left_out(const std::string& kv, int depth, const Deadline& deadline) {
    if (!deadline.over()) return false;
    report_.skip(name_of(kv, depth), "no time is left for it");
    return true;
  }
  std::string name_of(const std::string& kv, int depth) const { return name_ + " " + weights_ + ", " + kv + " KV, behind " + std::to_string(depth); }

  void pass(kv::Sequence& sequence, std::span<const TokenId> tokens, int logit_rows, Precision precision, float* logits = nullptr) {
    const model::SequenceRows rows{&sequence, precision, tokens, logit_rows};
    model_->forward({&rows, 1}, logits);
  }

  // Leaves out of `depths` what does not fit into the memory.
  std::unique_ptr<kv::Sequence> room_for(const std::string& kv, std::vector<int>& depths) {
    for (; !depths.empty(); depths.pop_back()) {
      try {
        return std::make_unique<kv::Sequence>(model_->cache(kv_type(kv)), depths.back() + model::Transformer::kMaxRows);
      } catch (const Error& e) {
        if (e.code() != Code::kOutOfMemory) throw;
        report_.skip(name_of(kv, depths.back()), e.what());
      }
    }
    return nullptr;
  }

  // To the end, or to the deadline: then it says so and returns false.
  bool read(kv::Sequence& sequence, int length, Precision precision, const Deadline* deadline = nullptr) {
    while (sequence.length() < length) {
      if (deadline && deadline->over()) {
        report_.skip(name_ + " " + weights_ + ", prefill of " + std::to_string(length), "no time is left for it");
        return false;
      }
      const int rows = std::min(model::Transformer::kMaxRows, length - sequence.length());
      pass(sequence, std::span(tokens_).first(size_t(rows)), 0, precision);
      backend_->wait();  // else the deadline would look at the host's progress alone
    }
    return true;
  }

  void fill(kv::Sequence& sequence, int depth, Precision precision) {
    read(sequence, std::min(depth, kSeedTokens), precision);
    if (sequence.length() < depth) sequence.repeat(depth);
  }

  // Passes one by one, each from begin to end; then as many at once, which hides what the host does between them.
  void measure(kv::Sequence& sequence, const std::string& metric, const std::string& kv, int rows, Precision precision,
               const std::string& setting = "") {
    const int depth = sequence.length();
    std::vector<float> logits(bring_logits_ ? size_t(rows) * size_t(config_.vocab) : 0);
    const auto once = [&] {  // the logits of many rows would be brought in any case
      pass(sequence, std::span(tokens_).first(size_t(rows)), std::min(rows, kMaxVerifyRows), precision, bring_logits_ ? logits.data() : nullptr);
      sequence.truncate(depth);
    };
    constexpr int kUntilReplayed = 3;  // the first time a pass is run, the second time it is recorded
    for (int run = 0; run < kUntilReplayed; run++) once();
    backend_->wait();
    std::vector<double> times;
    for (int run = 0; run < options_.runs; run++) {
      const double start = seconds_now();
      once();
      backend_->wait();
      times.push_back(1000 * (seconds_now() - start));
    }
    const bool draft = precision == Precision::kDraft;
    const Roofline line = roofline(config_, {type_, draft, kv_type(kv), rows, depth}, report_.peaks());
    Row row{.model = name_, .metric = metric, .rows = rows, .depth = depth, .weights = weights_, .kv = kv, .setting = setting,
            .ms = median(times), .runs = options_.runs, .limit_ms = line.ms};
    row.gbps = line.bytes / row.ms / 1e6;
    report_.add(row);
    if (!setting.empty()) return;
    const double start = seconds_now();
    for (int run = 0; run < options_.runs; run++) once();
    backend_->wait();
    row.ms = 1000 * (seconds_now() - start) / options_.runs;
    row.gbps = line.bytes / row.ms / 1e6;
    row.setting = "without a wait between passes";
    report_.add(row);
  }

  void with_host_logits(kv::Sequence& sequence, const std::string& kv) {
    bring_logits_ = true;
    measure(sequence, "decode", kv, 1, Precision::kFull, "logits to the host");
    bring_logits_ = false;
  }

  void drafts(const std::string& kv, const Deadline& deadline) {
    if (left_out(kv, options_.draft_depth, deadline)) return;
    kv::Sequence sequence(model_->cache(kv_type(kv)), options_.draft_depth + kMaxVerifyRows);
    fill(sequence, options_.draft_depth, Precision::kDraft);
    measure(sequence, "draft", kv, 1, Precision::kDraft);
  }

  // What must hold whatever the shape: a verify is as many decodes, bit for bit, and gives numbers.
  void compare(kv::Sequence& sequence, const std::string& kv) {
    const int depth = sequence.length();
    const size_t vocab = size_t(config_.vocab);
    std::vector<float> together(kVerifyRows * vocab), one(vocab);
    pass(sequence, std::span(tokens_).first(kVerifyRows), kVerifyRows, Precision::kFull, together.data());
    sequence.truncate(depth);
    int same = 0;
    bool finite = true;
    for (size_t r = 0; r < kVerifyRows; r++) {
      pass(sequence, std::span(tokens_).subspan(r, 1), 1, Precision::kFull, one.data());
      same += std::memcmp(one.data(), together.data() + r * vocab, vocab * sizeof(float)) == 0;
      for (const float value : one) finite = finite && std::isfinite(value);
    }
    sequence.truncate(depth);
    const std::string what = name_of(kv, depth);
    report_.check({what + ": rows of verify(11) with the bits of decodes", std::to_string(same), std::to_string(kVerifyRows), same == kVerifyRows});
    report_.check({what + ": logits are numbers", finite ? "all" : "not all", "all", finite});
  }

  const std::string name_, weights_;
  const Options& options_;
  Listener& report_;
  const model::Config config_;
  const tensor::DType type_;
  const std::shared_ptr<ops::Backend> backend_;
  const std::shared_ptr<model::Transformer> model_;
  const std::vector<TokenId> tokens_;
  bool bring_logits_ = false;  // to the host; else they stay, as in a round of speculation
};

}  // namespace

void measure_passes(const std::string& model, const std::string& weights, std::shared_ptr<ops::Backend> backend, const Options& options,
                    const Deadline& deadline, Listener& report) {
  const std::string what = model + " " + weights;
  try {
    Bench bench(model, weights, std::move(backend), options, report);
    for (const std::string& kv : options.kv) {
      try {
        bench.run(kv, deadline);
      } catch (const Error& e) {
        if (e.code() != Code::kOutOfMemory) throw;
        report.skip(what + ", " + kv + " KV", e.what());
      }
    }
    bench.prefill(options.kv.front(), deadline);
  } catch (const Error& e) {
    if (e.code() != Code::kOutOfMemory && e.code() != Code::kUnsupportedModel) throw;
    report.skip(what, e.what());
  }
}

}  // namespace ragdraft::gpu_check
