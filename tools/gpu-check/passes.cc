#include "passes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/error.h"
#include "derived.h"
#include "runtime/model_sequence.h"
#include "random_model.h"
#include "rounds.h"

namespace ragdraft::gpu_check {
namespace {

using runtime::ModelSequence;
using ops::Precision;

constexpr int kSeedTokens = 1024;  // read; longer contexts are copies of their pages
constexpr int kVerifyRows = 11;
constexpr int kTextTokens = 16, kTextDrafts = 4;  // of the texts that are compared

std::vector<TokenId> some_tokens(int count, int vocab) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; i++) tokens.push_back(TokenId((uint32_t(i) * 2654435761u >> 7) % uint32_t(vocab)));
  return tokens;
}

// A model of random weights and what rows call it.
struct Measured {
  std::string name, weights;
  model::Config config;
  formats::DType type;
  std::shared_ptr<model::Transformer> model;

  Measured(const std::string& name, const std::string& weights, const std::shared_ptr<ops::Backend>& backend)
      : name(name), weights(weights), config(shape_of(name)), type(weight_type(weights)),
        model(random_model(config, WeightPool(type, largest_matrix(config)), backend)) {}
};

// Who drafts, in a context of its own, and what a step costs it there.
struct Drafter {
  std::string called;
  const Measured* measured;
  std::unique_ptr<ModelSequence> session;
  double step_ms;
};

// Milliseconds of a pass: from its begin to its end, and where others follow it, which hides what the host does between them. 0: not
// measured.
struct PassTimes {
  double waited = 0, followed = 0;
};

class Bench {
 public:
  Bench(const std::string& name, const std::string& weights, std::shared_ptr<ops::Backend> backend, const Options& options, Listener& report)
      : options_(options), report_(report), backend_(std::move(backend)), target_(name, weights, backend_),
        tokens_(some_tokens(model::Transformer::kMaxRows, target_.config.vocab)) {
    if (!nested()) other_drafters();
  }

  void run(const std::string& kv, const Deadline& deadline) {
    deadline_ = &deadline;
    std::vector<Drafter> drafters = measured_drafters(kv, deadline);
    std::vector<int> depths = options_.depths;
    const std::unique_ptr<ModelSequence> session = room_for(kv, depths);
    for (const int depth : depths) {
      if (left_out(kv, depth, deadline)) continue;
      kv::Sequence& sequence = *session->sequence;
      fill(*session, depth);
      if (depth == options_.depths.front()) compare(*session, drafters, kv);
      measure(target_, sequence, "decode", kv, 1, Precision::kFull);
      if (depth == options_.depths.front()) with_host_logits(sequence, kv);
      if (nested()) measure(target_, sequence, "draft", kv, 1, Precision::kDraft);  // of a drafter in its target's cache
      std::map<int, double> verify_ms;
      for (const int rows : depth == depths.back() ? options_.verify : std::vector<int>{kVerifyRows})
        if (const PassTimes times = measure(target_, sequence, "verify", kv, rows, Precision::kFull); times.followed > 0) verify_ms[rows] = times.followed;
      rounds(*session, drafters, kv, verify_ms, deadline);
    }
  }

  // Reads of whole texts.
  void prefill(const std::string& kv, const Deadline& deadline) {
    for (const int depth : options_.depths) {
      if (depth > options_.depths.front() * 4) break;  // seconds each
      if (left_out(kv, depth, deadline)) continue;
      ModelSequence session(target_.model, std::make_unique<kv::Sequence>(target_.model->cache(kv_type(kv)), depth), Precision::kFull);
      const double start = seconds_now();
      if (!read(session, depth, &deadline)) continue;
      const double ms = 1000 * (seconds_now() - start);
      // Its rows see half of it, on average.
      const Roofline line = roofline(target_.config, {target_.type, false, kv_type(kv), depth, 0, false}, report_.peaks());
      report_.add({.model = target_.name, .metric = "prefill", .rows = depth, .weights = target_.weights, .kv = kv, .ms = ms, .runs = 1,
                   .limit_ms = line.ms, .gops = 2.0 * double(matrix_elements(target_.config, false)) * depth / ms / 1e6});
    }
  }

 private:
  // Whether the model drafts from less than its weights.
  bool nested() const { return target_.model->draft_bytes() < target_.model->weight_bytes(); }

  // "Q4_0": the same shape in other weights; "llama-3.2-1b:BF16": another shape.
  void other_drafters() {
    for (const std::string& drafter : options_.drafters) {
      const size_t colon = drafter.find(':');
      const std::string name = colon == std::string::npos ? target_.name : drafter.substr(0, colon);
      const std::string weights = colon == std::string::npos ? drafter : drafter.substr(colon + 1);
      if (shape_of(name).vocab != target_.config.vocab) continue;  // of another family
      try {
        others_.push_back(std::make_unique<Measured>(name, weights, backend_));
      } catch (const Error& e) {
        if (e.code() != Code::kOutOfMemory && e.code() != Code::kUnsupportedModel) throw;
        report_.skip(target_.name + " " + target_.weights + ", drafts by " + drafter, e.what());
      }
    }
  }

  bool left_out(const std::string& kv, int depth, const Deadline& deadline) {
    if (!deadline.over()) return false;
    report_.skip(name_of(kv, depth), "no time is left for it");
    return true;
  }
  std::string name_of(const std::string& kv, int depth) const {
    return target_.name + " " + target_.weights + ", " + kv + " KV, behind " + std::to_string(depth);
  }

  void pass(const Measured& of, kv::Sequence& sequence, std::span<const TokenId> tokens, int logit_rows, Precision precision,
            float* logits = nullptr) {
    const model::SequenceRows rows{&sequence, precision, tokens, logit_rows};
    of.model->forward({&rows, 1}, logits);
  }

  // Leaves out of `depths` what does not fit into the memory. The rounds of a text that is compared have room too.
  std::unique_ptr<ModelSequence> room_for(const std::string& kv, std::vector<int>& depths) {
    for (; !depths.empty(); depths.pop_back()) {
      try {
        auto sequence = std::make_unique<kv::Sequence>(target_.model->cache(kv_type(kv)), depths.back() + model::Transformer::kMaxRows);
        return std::make_unique<ModelSequence>(target_.model, std::move(sequence), Precision::kFull);
      } catch (const Error& e) {
        if (e.code() != Code::kOutOfMemory) throw;
        report_.skip(name_of(kv, depths.back()), e.what());
      }
    }
    return nullptr;
  }

  // To the end, or to the deadline: then it says so and returns false.
  bool read(ModelSequence& session, int length, const Deadline* deadline = nullptr) {
    kv::Sequence& sequence = *session.sequence;
    while (sequence.length() < length) {
      if (deadline && deadline->over()) {
        report_.skip(target_.name + " " + target_.weights + ", prefill of " + std::to_string(length), "no time is left for it");
        return false;
      }
      const int rows = std::min(model::Transformer::kMaxRows, length - sequence.length());
      const model::SequenceRows batch{&sequence, session.precision, std::span(tokens_).first(size_t(rows))};
      session.model->forward({&batch, 1}, nullptr);
      backend_->wait();  // else the deadline would look at the host's progress alone
    }
    return true;
  }

  void fill(ModelSequence& session, int depth) {
    read(session, std::min(depth, kSeedTokens));
    if (session.sequence->length() < depth) session.sequence->repeat(depth);
    backend_->wait();
  }

  // Passes one by one, each from begin to end; then as many at once.
  PassTimes measure(const Measured& of, kv::Sequence& sequence, const std::string& metric, const std::string& kv, int rows, Precision precision,
                    const std::string& setting = "") {
    const int depth = sequence.length();
    if (deadline_->over()) {
      report_.skip(of.name + " " + of.weights + ", " + kv + " KV, " + metric + " of " + std::to_string(rows) + " rows behind " + std::to_string(depth),
                   "no time is left for it");
      return {};
    }
    std::vector<float> logits(bring_logits_ ? size_t(rows) * size_t(of.config.vocab) : 0);
    const auto once = [&] {  // the logits of many rows would be brought in any case
      pass(of, sequence, std::span(tokens_).first(size_t(rows)), std::min(rows, kMaxVerifyRows), precision, bring_logits_ ? logits.data() : nullptr);
      sequence.truncate(depth);
    };
    const auto together = [&](int count) {
      const double start = seconds_now();
      for (int run = 0; run < count; run++) once();
      backend_->wait();
      return seconds_now() - start;
    };
    PassTimes times;
    times.waited = repeated_ms(options_.runs, [&] { return together(1); });
    const bool draft = precision == Precision::kDraft;
    const Roofline line = roofline(of.config, {of.type, draft, kv_type(kv), rows, depth}, report_.peaks());
    Row row{.model = of.name, .metric = metric, .rows = rows, .depth = depth, .weights = of.weights, .kv = kv, .setting = setting,
            .ms = times.waited, .runs = options_.runs, .limit_ms = line.ms};
    row.gbps = line.bytes / row.ms / 1e6;
    report_.add(row);
    if (!setting.empty()) return times;
    row.ms = times.followed = 1000 * together(options_.runs) / options_.runs;
    row.gbps = line.bytes / row.ms / 1e6;
    row.setting = "without a wait between passes";
    report_.add(row);
    return times;
  }

  void with_host_logits(kv::Sequence& sequence, const std::string& kv) {
    bring_logits_ = true;
    measure(target_, sequence, "decode", kv, 1, Precision::kFull, "logits to the host");
    bring_logits_ = false;
  }

  std::vector<Drafter> measured_drafters(const std::string& kv, const Deadline& deadline) {
    std::vector<Drafter> drafters;
    const auto add = [&](const std::string& called, const Measured& measured) {
      const std::string what = target_.name + " " + target_.weights + ", " + kv + " KV, drafts by " + called;
      if (deadline.over()) return report_.skip(what, "no time is left for it");
      try {
        auto sequence = std::make_unique<kv::Sequence>(measured.model->cache(kv_type(kv)), options_.draft_depth + 2 * kMaxVerifyRows + kTextTokens);
        auto session = std::make_unique<ModelSequence>(measured.model, std::move(sequence), Precision::kDraft);
        fill(*session, options_.draft_depth);
        const double step_ms = measure(measured, *session->sequence, "draft", kv, 1, Precision::kDraft).followed;
        if (step_ms > 0) drafters.push_back({called, &measured, std::move(session), step_ms});
      } catch (const Error& e) {
        if (e.code() != Code::kOutOfMemory) throw;
        report_.skip(what, e.what());
      }
    };
    add(nested() ? kNested : kSameWeights, target_);
    for (const auto& other : others_) add((other->name == target_.name ? "" : other->name + " ") + other->weights, *other);
    return drafters;
  }

  // A plain step, and rounds of one draft less than each verify that was measured; by the first drafter in the modes with transfer too.
  void rounds(ModelSequence& session, std::vector<Drafter>& drafters, const std::string& kv, const std::map<int, double>& verify_ms,
              const Deadline& deadline) {
    const int depth = session.sequence->length();
    const auto limit = [&](const Measured& of, int rows, int depth, bool draft) {
      return roofline(of.config, {of.type, draft, kv_type(kv), rows, depth}, report_.peaks()).ms;
    };
    // steps: of the drafter.
    const auto add = [&](Drafter* drafter, int drafts, int steps, double verify_ms, decoding::Mode mode = decoding::Mode::kLossless,
                         const char* mode_name = "") {
      const std::string by = drafter ? drafter->called + mode_name : "";
      if (deadline.over()) return report_.skip(name_of(kv, depth) + ", rounds" + (drafter ? " by " + by : ""), "no time is left for it");
      Row row{.model = target_.name, .metric = "round", .rows = drafts + 1, .depth = depth, .weights = target_.weights, .kv = kv, .setting = by,
              .runs = options_.runs, .apart_ms = drafter ? steps * drafter->step_ms + verify_ms : 0};
      row.ms = RoundBench(session, drafter ? drafter->session.get() : nullptr).round_ms(drafts, options_.runs, mode);
      row.limit_ms = limit(target_, drafts + 1, depth, false);
      if (drafter) row.limit_ms += steps * limit(*drafter->measured, 1, options_.draft_depth, true);
      report_.add(row);
    };
    add(nullptr, 0, 0, 0);
    for (Drafter& drafter : drafters)
      for (const auto& [rows, ms] : verify_ms)
        if (rows > 1 && rows <= kMaxVerifyRows) add(&drafter, rows - 1, rows - 1, ms);
    const auto verify = verify_ms.find(kVerifyRows);
    if (drafters.empty() || verify == verify_ms.end()) return;
    // `exact` drafts one token more: it cannot wait to see whether it needs it.
    add(&drafters.front(), kVerifyRows - 1, kVerifyRows, verify->second, decoding::Mode::kExact, ", exact");
    add(&drafters.front(), kVerifyRows - 1, kVerifyRows - 1, verify->second, decoding::Mode::kPaper, ", paper");
  }

  // What must hold whatever the shape: a verify is as many decodes, bit for bit, and gives numbers; greedy rounds write the text of decodes.
  void compare(ModelSequence& session, std::vector<Drafter>& drafters, const std::string& kv) {
    kv::Sequence& sequence = *session.sequence;
    const int depth = sequence.length();
    const size_t vocab = size_t(target_.config.vocab);
    std::vector<float> together(kVerifyRows * vocab), one(vocab);
    pass(target_, sequence, std::span(tokens_).first(kVerifyRows), kVerifyRows, Precision::kFull, together.data());
    sequence.truncate(depth);
    int same = 0;
    bool finite = true;
    for (size_t r = 0; r < kVerifyRows; r++) {
      pass(target_, sequence, std::span(tokens_).subspan(r, 1), 1, Precision::kFull, one.data());
      same += std::memcmp(one.data(), together.data() + r * vocab, vocab * sizeof(float)) == 0;
      for (const float value : one) finite = finite && std::isfinite(value);
    }
    sequence.truncate(depth);
    const std::string what = name_of(kv, depth);
    report_.check({what + ": rows of verify(11) with the bits of decodes", std::to_string(same), std::to_string(kVerifyRows), same == kVerifyRows});
    report_.check({what + ": logits are numbers", finite ? "all" : "not all", "all", finite});
    if (drafters.empty()) return;
    RoundBench bench(session, drafters.front().session.get());
    const std::vector<TokenId> plain = bench.text(0, kTextTokens), drafted = bench.text(kTextDrafts, kTextTokens);
    const int agreed = int(std::mismatch(plain.begin(), plain.end(), drafted.begin(), drafted.end()).first - plain.begin());
    report_.check({what + ": tokens of greedy rounds that are those of decodes", std::to_string(agreed), std::to_string(kTextTokens),
                   plain == drafted && agreed == kTextTokens});
  }

  const Options& options_;
  Listener& report_;
  const std::shared_ptr<ops::Backend> backend_;
  const Measured target_;
  std::vector<std::unique_ptr<Measured>> others_;
  const Deadline* deadline_ = nullptr;  // of run()
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
