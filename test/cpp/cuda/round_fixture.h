// A round over given rows of logits: by the host's drafter and verifier, and by the kernels on the emulated device.
#pragma once
#include <memory>
#include <vector>

#include "device_array.h"
#include "ops/cuda/kernels/round/draft.h"
#include "ops/cuda/kernels/round/judge.h"
#include "ops/cuda/kernels/round/round_scratch.h"
#include "decoding/drafter.h"
#include "decoding/verifier.h"

namespace testing {

using ragdraft::Position;
using ragdraft::TokenId;
using ragdraft::ops::cuda::Round;
using ragdraft::ops::cuda::RoundResult;

inline constexpr float kPaddingLogit = 1e6f;  // better than any token: padding must never be seen

struct RoundCase {
  ragdraft::decoding::DecodeParams params;  // mode, temperature, transfer, seed
  Position position = 0;                // tokens of the answer before it
  int valid = 0, padding = 0;
  int drafts = 0;                     // of which all are judged
  bool bonus = true;                  // a row behind the judged ones gives a token from p
  std::vector<std::vector<float>> p;  // [drafts + bonus][valid]
  std::vector<std::vector<float>> q;  // [drafts][valid]

  ragdraft::decoding::ModeTraits traits() const { return traits_of(params); }
  int rows() const { return drafts + (bonus ? 1 : 0); }
  size_t stride() const { return size_t(valid + padding); }
  std::vector<float> dense(const std::vector<std::vector<float>>& rows) const {
    std::vector<float> out;
    for (const auto& row : rows) {
      out.insert(out.end(), row.begin(), row.end());
      out.insert(out.end(), size_t(padding), kPaddingLogit);
    }
    return out;
  }
};

// Gives the prepared rows one after the other, whatever it is told.
class PreparedModel final : public ragdraft::decoding::LanguageModel {
 public:
  PreparedModel(int vocab, std::vector<float> rows) : vocab_(vocab), rows_(std::move(rows)) {}
  int vocab_size() const override { return vocab_; }
  int length() const override { return length_; }
  int max_length() const override { return 1 << 20; }
  void truncate(int length) override { length_ = length; }
  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override {
    length_ += int(tokens.size());
    const size_t count = size_t(logit_rows) * size_t(vocab_);
    std::copy_n(rows_.begin() + long(next_), count, logits);
    next_ += count;
  }

 private:
  int vocab_, length_ = 0;
  size_t next_ = 0;
  std::vector<float> rows_;
};

struct HostRound {
  std::vector<TokenId> drafts;
  int accepted = 0;
  TokenId token = -1;
};

inline HostRound on_host(const RoundCase& c) {
  using namespace ragdraft::decoding;
  const ModeTraits traits = c.traits();
  const RowRules rules(c.params, c.valid);
  PreparedModel target(int(c.stride()), c.dense(c.p)), drafting(int(c.stride()), c.dense(c.q));
  Drafter drafter(SequenceState(drafting, {0}), rules, c.params, c.drafts, traits.keeps_q);
  Verifier verifier(SequenceState(target, {0}), rules, c.params, traits.output, c.drafts);
  std::vector<TokenId> text(size_t(c.position), 0);
  drafter.begin(text);
  drafter.write(c.drafts, text);
  HostRound result;
  const std::span<const TokenId> all = text;
  result.drafts.assign(all.begin() + c.position, all.end());
  verifier.score(std::span(result.drafts).first(size_t(c.rows() - 1)));
  const auto before = [&](int i) { return all.first(size_t(c.position + i)); };
  for (; result.accepted < c.drafts; result.accepted++) {
    const int i = result.accepted;
    const auto verdict = verifier.judge(i, result.drafts[size_t(i)], traits.keeps_q ? drafter.q(i) : std::span<const float>(), before(i));
    if (verdict.accepted) continue;
    result.token = verdict.token;
    return result;
  }
  if (c.bonus) result.token = verifier.draw(c.drafts, before(c.drafts));
  return result;
}

// The round's arrays on the device, to be run again and again with other seeds.
class DeviceRound {
 public:
  explicit DeviceRound(const RoundCase& c)
      : case_(c),
        p_(c.dense(c.p)),
        q_(c.q.empty() ? std::vector<float>{0} : c.dense(c.q)),
        scratch_(ragdraft::ops::cuda::round_scratch_bytes(c.rows(), c.valid)),
        round_(1) {}

  RoundResult run(uint64_t seed) {
    using namespace ragdraft::ops::cuda;
    const auto& params = case_.params;
    const auto traits = case_.traits();
    const bool greedy = params.sampling.temperature == 0;
    Round round{};
    round.seed = seed;
    round.position = case_.position;
    round.temperature = greedy ? params.transfer_temperature : params.sampling.temperature;
    round.transfer = params.transfer;
    round.plausibility = params.plausibility;
    ragdraft::gpu::Stream stream;
    stream.to_device(round_.get(), &round, sizeof round);
    const int64_t stride = int64_t(case_.stride());
    const auto rows = [&](const DeviceArray<float>& values, int first) {
      return LogitRows{values.get() + first * stride, stride, case_.valid};
    };
    for (int i = 0; i < case_.drafts; i++) draft(stream, rows(q_, i), {greedy, traits.keeps_q}, round_.get(), i, scratch_.get());
    const Trial trial{ragdraft::sampling::OutputDistribution(int(traits.output)), greedy, case_.drafts, case_.rows(), rows(p_, 0), rows(q_, 0)};
    judge(stream, trial, round_.get(), scratch_.get());
    return round_.read(stream)[0].result;
  }

 private:
  const RoundCase& case_;
  const DeviceArray<float> p_, q_;
  const DeviceArray<std::byte> scratch_;
  const DeviceArray<Round> round_;
};

}  // namespace testing
