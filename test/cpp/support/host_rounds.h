// Rounds as a device goes through them, by the host's own functions: logits stay here, and drafts are known to nobody else before the end.
#pragma once
#include <vector>

#include "sampling/rounds.h"
#include "sampling/sampler.h"
#include "decoding/accept.h"
#include "decoding/language_model.h"
#include "decoding/transfer.h"

namespace fixture {

class HostRounds final : public ragdraft::sampling::Rounds {
 public:
  using TokenId = ragdraft::TokenId;
  using OutputDistribution = ragdraft::sampling::OutputDistribution;
  using Purpose = ragdraft::sampling::Purpose;
  using Row = std::vector<float>;

  void begin(const ragdraft::sampling::RoundRules& rules, ragdraft::Position position) override {
    rules_ = rules;
    position_ = position;
    outcome_ = {};
    begun++;
  }
  void draft(int i) override {
    q_[size_t(i)] = distribution(0);
    outcome_.draft[size_t(i)] = rules_.greedy ? best(0) : sample(q_[size_t(i)], uniform(i, Purpose::kDraft));
    outcome_.draft_ms++;
  }
  ragdraft::sampling::RoundOutcome judge(int judged, int rows) override {
    int& i = outcome_.accepted;
    for (; i < judged; i++) {
      const TokenId draft = outcome_.draft[size_t(i)];
      const auto verdict = rules_.greedy ? greedy(i, draft) : sampled(i, draft);
      outcome_.token = verdict.token;
      if (!verdict.accepted) return outcome_;
    }
    outcome_.token = -1;
    if (rows > judged) outcome_.token = rules_.greedy ? best(judged) : sample(distribution(judged), uniform(judged, Purpose::kResample));
    outcome_.verify_ms = rows;
    return outcome_;
  }

  // What a model that lets its logits stay is told: unknown_draft(i) is draft i.
  TokenId known(TokenId token) const { return token < 0 ? outcome_.draft[size_t(ragdraft::unknown_draft(token))] : token; }
  // Room for the logits of a pass.
  float* logits_of(int rows, int vocab) {
    vocab_ = size_t(vocab);
    logits_.resize(size_t(rows) * vocab_);
    return logits_.data();
  }

  int begun = 0;

 private:
  std::span<const float> row(int i) const { return std::span<const float>(logits_).subspan(size_t(i) * vocab_, vocab_); }
  Row distribution(int i) const {
    ragdraft::sampling::SamplingParams shape;
    shape.temperature = rules_.temperature;
    Row out(size_t(rules_.valid));
    ragdraft::sampling::to_distribution(row(i), rules_.valid, shape, out);
    return out;
  }
  TokenId best(int i) const { return ragdraft::sampling::argmax(row(i), rules_.valid); }
  static TokenId sample(const Row& weights, double u) { return ragdraft::sampling::sample(weights, u); }
  double uniform(int i, Purpose purpose) const { return ragdraft::sampling::PositionRng(rules_.seed).uniform(position_ + i, purpose); }

  ragdraft::decoding::Acceptance greedy(int i, TokenId draft) const {
    const ragdraft::decoding::Transfer step{rules_.transfer, rules_.plausibility};
    const TokenId token = rules_.output == OutputDistribution::kTarget
                              ? best(i)
                              : ragdraft::decoding::transfer_argmax(row(i).first(size_t(rules_.valid)), distribution(i), q_[size_t(i)], step, rules_.temperature);
    return {token, token == draft};
  }
  ragdraft::decoding::Acceptance sampled(int i, TokenId draft) const {
    const Row p = distribution(i), &q = q_[size_t(i)];
    Row target = p, scratch(p.size());
    if (rules_.output != OutputDistribution::kTarget) ragdraft::decoding::transfer<float>(p, q, {rules_.transfer, rules_.plausibility}, target);
    if (rules_.output == OutputDistribution::kPaper) ragdraft::decoding::paper_distribution<float>(p, q, target);
    return ragdraft::decoding::accept(draft, q, target, position_ + i, ragdraft::sampling::PositionRng(rules_.seed), scratch);
  }

  ragdraft::sampling::RoundRules rules_;
  ragdraft::Position position_ = 0;
  ragdraft::sampling::RoundOutcome outcome_;
  std::array<Row, ragdraft::kMaxVerifyRows> q_;
  size_t vocab_ = 0;
  Row logits_;
};

// A model whose logits stay with `rounds` where nobody wants them here.
class Staying final : public ragdraft::decoding::LanguageModel {
 public:
  Staying(ragdraft::decoding::LanguageModel& model, HostRounds& rounds) : model_(model), rounds_(rounds) {}
  int vocab_size() const override { return model_.vocab_size(); }
  int length() const override { return model_.length(); }
  int max_length() const override { return model_.max_length(); }
  void truncate(int length) override { model_.truncate(length); }
  void forward(std::span<const ragdraft::TokenId> tokens, int logit_rows, float* logits) override {
    if (logits != nullptr || logit_rows == 0) return model_.forward(tokens, logit_rows, logits);
    std::vector<ragdraft::TokenId> known;
    for (const ragdraft::TokenId token : tokens) known.push_back(rounds_.known(token));
    model_.forward(known, logit_rows, rounds_.logits_of(logit_rows, vocab_size()));
  }

 private:
  ragdraft::decoding::LanguageModel& model_;
  HostRounds& rounds_;
};

}  // namespace fixture
