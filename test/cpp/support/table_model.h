// A language model of a few tokens: the logits of a row are a fixed pseudo-random function of the last two tokens. It checks
// the contract of decoding/language_model.h on every call and lets tests read the cache.
#pragma once
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "sampling/philox.h"
#include "decoding/language_model.h"

namespace table {

using ragdraft::TokenId;
using Tokens = std::vector<TokenId>;

inline float noise(uint32_t seed, TokenId before, TokenId last, int token) {
  const auto words = ragdraft::sampling::philox4x32({uint32_t(before), uint32_t(last), uint32_t(token), 0}, {seed, 77});
  return float((double(words[0]) + double(words[1]) + double(words[2])) / 0x1p32 - 1.5);
}

struct Table {
  int vocab = 6;
  int padding = 0;         // rows are this much longer; the padding has the best logits of all, and must never be chosen
  uint32_t seed = 1;
  float sharpness = 3;     // of the logits
  float disagreement = 0;  // weight of a second, independent table: how far a drafter is from its target

  std::vector<float> logits(std::span<const TokenId> history) const {
    const TokenId last = history.back(), before = history.size() > 1 ? history[history.size() - 2] : -1;
    std::vector<float> row(size_t(vocab + padding), 1000.0f);
    for (int v = 0; v < vocab; v++) {
      row[size_t(v)] = sharpness * (noise(seed, before, last, v) + disagreement * noise(seed + 1000, before, last, v));
    }
    return row;
  }
};

class Model : public ragdraft::decoding::LanguageModel {
 public:
  Model(const Table& table, Tokens cached, int max_length = 1 << 20)
      : table_(table), cache_(std::move(cached)), prompt_length_(int(cache_.size())), max_length_(max_length) {}

  int vocab_size() const override { return table_.vocab + table_.padding; }
  int length() const override { return int(cache_.size()); }
  int max_length() const override { return max_length_; }

  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override { append(table_, tokens, logit_rows, logits); }
  // The same by another table: what a self-drafter does in this cache.
  void append(const Table& table, std::span<const TokenId> tokens, int logit_rows, float* logits) {
    require(!tokens.empty() && logit_rows >= 0 && logit_rows <= int(tokens.size()), "row counts");
    require(logit_rows <= 1 || int(tokens.size()) <= ragdraft::kMaxVerifyRows, "at most 17 verified rows");
    require(int(tokens.size()) <= 256, "at most 256 rows a chunk");
    require(length() + int(tokens.size()) <= max_length_, "cache overflow");
    passes++;
    if (clock_ms != nullptr) *clock_ms += pass_ms + row_ms * double(tokens.size());
    rows += int(tokens.size());
    const int first_logit_row = int(tokens.size()) - logit_rows;
    for (int i = 0; i < int(tokens.size()); i++) {
      require(tokens[size_t(i)] >= 0 && tokens[size_t(i)] < table.vocab, "token ids");
      cache_.push_back(tokens[size_t(i)]);
      if (fail_in_passes >= 0 && passes > fail_in_passes) throw std::runtime_error("the model failed half-way");
      if (i < first_logit_row) continue;
      auto row = table.logits(cache_);
      if (override_row) override_row(row);
      std::copy(row.begin(), row.end(), logits + size_t(i - first_logit_row) * row.size());
    }
  }
  void truncate(int length) override {
    require(length >= prompt_length_ && length <= this->length(), "truncation within the answer");
    cache_.resize(size_t(length));
  }

  const Tokens& cache() const { return cache_; }
  const Table& table() const { return table_; }

  int passes = 0, rows = 0;
  int fail_in_passes = -1;  // throw in the pass after so many
  std::function<void(std::vector<float>&)> override_row;
  double* clock_ms = nullptr;  // a simulated clock, advanced by every pass
  double pass_ms = 0, row_ms = 0;

 private:
  static void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(std::string("LanguageModel misused: ") + what);
  }
  Table table_;
  Tokens cache_;
  int prompt_length_, max_length_;
};

// A self-drafter in the cache of `target`, by another table than its: tests need drafts that are wrong.
class SelfDrafter : public ragdraft::decoding::LanguageModel {
 public:
  SelfDrafter(const Table& table, Model& target) : table_(table), target_(target) {}
  int vocab_size() const override { return table_.vocab + table_.padding; }
  int length() const override { return target_.length(); }
  int max_length() const override { return target_.max_length(); }
  void truncate(int length) override { target_.truncate(length); }
  void forward(std::span<const TokenId> tokens, int logit_rows, float* logits) override {
    passes++;
    if (fail_in_passes >= 0 && passes > fail_in_passes) target_.fail_in_passes = 0;
    target_.append(table_, tokens, logit_rows, logits);
  }

  int passes = 0;
  int fail_in_passes = -1;  // as in Model

 private:
  Table table_;
  Model& target_;
};

}  // namespace table
