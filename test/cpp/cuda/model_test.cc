// Whole models on the device: against the oracle, and against themselves however a text is cut into passes.
#include <cmath>
#include <cstring>

#include "cuda_model_fixture.h"
#include "ops/backend.h"
#include "tap.h"

using namespace ragdraft;
using testing::Context;
using testing::DType;
using testing::Logits;
using testing::same_bits;
using testing::TinyModel;
using testing::TinyShape;
using testing::Tokens;

namespace {

const TinyShape kLlama{};
const TinyShape kQwen{.architecture = "qwen2", .embedding = 96, .heads = 6, .kv_heads = 2, .head_dim = 16, .tied = true, .seed = 2};

// Of the differences, in units of the logits' own.
double deviation(const Logits& a, const Logits& b) {
  double difference = 0, own = 0;
  for (size_t i = 0; i < a.size(); i++) {
    difference += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    own += double(b[i]) * b[i];
  }
  return std::sqrt(difference / own);
}

}  // namespace

namespace {
// A shape whose rows are whole blocks of `type`.
TinyShape in_blocks_of(TinyShape shape, DType type) {
  shape.type = type;
  if (formats::info(type).block_elements <= 32) return shape;
  shape.embedding = shape.feed_forward = 256;
  shape.heads = 4;
  shape.head_dim = 64;
  return shape;
}
}  // namespace

TEST("logits agree with the oracle: Llama and Qwen2, every type of weights and of KV, both precisions") {
  // Of the weights: products of integers round their inputs to 1/254 of the largest of 32, about .6 % of them, BF16 to 1/512, F16 to
  // 1/4096, and some ten products follow each other. Of the KV: keys, values, queries and probabilities of 8, 9 or 12 bits.
  struct Case {
    DType type;
    double error;
  };
  const auto kv_error = [](kv::KvType type) { return type == kv::KvType::kF16 ? 0.002 : type == kv::KvType::kBF16 ? 0.01 : 0.015; };
  constexpr double kBytes = 0.03;
  for (const Case& c : {Case{DType::kF32, 0}, Case{DType::kF16, 0.002}, Case{DType::kBF16, 0.01}, Case{DType::kQ8_0, kBytes}, Case{DType::kQ4_0, kBytes}, Case{DType::kQ5_0, kBytes},
                        Case{DType::kQ4_K, kBytes}, Case{DType::kQ5_K, kBytes}, Case{DType::kQ6_K, kBytes}}) {
    for (const TinyShape& base : {kLlama, kQwen}) {
      const TinyShape shape = in_blocks_of(base, c.type);
      const TinyModel model(shape);
      const Tokens tokens = model.random_tokens(70, 1);
      const auto device = model.load(testing::cuda_backend()), oracle = model.load(ops::make_reference_backend());
      for (const kv::KvType type : {kv::KvType::kBF16, kv::KvType::kF16, kv::KvType::kQ8}) {
        for (const ops::Precision precision : {ops::Precision::kFull, ops::Precision::kDraft}) {
          if (c.error == kBytes && c.type != DType::kQ8_0 && (precision == ops::Precision::kDraft || type != kv::KvType::kBF16))
            continue;  // Q8_0 has shown what KV does to such products; these have no other precision
          const Logits got = Context(device, type, precision).append(tokens, 70);
          const double error = deviation(got, Context(oracle, type, precision).append(tokens, 70));
          CHECK_MSG(error < c.error + kv_error(type), std::string(shape.architecture) + ", weights " + std::string(formats::info(c.type).name) + ", KV type " +
                                         std::to_string(int(type)) + ", precision " + std::to_string(int(precision)) + ": " + std::to_string(error));
        }
      }
    }
  }
}

TEST("4-bit copies of wide weights: drafts agree with the oracle's, full passes are what they are without, cut passes have the same bits") {
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    TinyShape shape = type == DType::kBF16 ? kQwen : kLlama;
    shape.type = type;
    const TinyModel model(shape);
    const Tokens tokens = model.random_tokens(70, 14);
    const auto plain = model.load(testing::cuda_backend());
    const auto device = model.load(testing::cuda_backend(), {.draft_copy = true}), oracle = model.load(ops::make_reference_backend(), {.draft_copy = true});
    const auto logits = [&](const Context::Model& on, ops::Precision precision) { return Context(on, kv::KvType::kBF16, precision).append(tokens, 70); };
    const Logits draft = logits(device, ops::Precision::kDraft), full = logits(device, ops::Precision::kFull);
    const std::string name(formats::info(type).name);
    const double error = deviation(draft, logits(oracle, ops::Precision::kDraft));
    CHECK_MSG(error < 0.04, name + ": " + std::to_string(error));
    CHECK_MSG(same_bits(full, logits(plain, ops::Precision::kFull)), name);
    CHECK_MSG(same_bits(full, logits(plain, ops::Precision::kDraft)), name);  // nothing nested
    CHECK_MSG(deviation(draft, full) > 0.05, name);
    CHECK(device->copy_bytes() == device->draft_bytes() && plain->copy_bytes() == 0);
    CHECK(device->draft_bytes() * 100 < device->weight_bytes() * (type == DType::kF32 ? 16 : 32));  // 18 bytes for 32, and padding

    Context cut(device, kv::KvType::kBF16, ops::Precision::kDraft);
    Logits parts;
    size_t first = 0;
    for (const int rows : {50, 1, 1, 17, 1}) {
      const Logits part = cut.append(std::span(tokens).subspan(first, size_t(rows)), rows);
      parts.insert(parts.end(), part.begin(), part.end());
      first += size_t(rows);
    }
    CHECK_MSG(same_bits(parts, draft), name);
  }
}

TEST("a text cut into any passes gives the bits of one pass, logits and caches: decodes, drafts, chunks, beside another sequence") {
  for (const TinyShape& shape : {kLlama, kQwen, in_blocks_of(kLlama, DType::kQ4_K), in_blocks_of(kQwen, DType::kQ6_K)}) {
    const TinyModel model(shape);
    const auto device = model.load(testing::cuda_backend());
    const Tokens tokens = model.random_tokens(80, 3), others = model.random_tokens(80, 4);
    for (const ops::Precision precision : {ops::Precision::kFull, ops::Precision::kDraft}) {
      Context whole(device, kv::KvType::kBF16, precision);
      const Logits expected = whole.append(tokens, 80);
      for (const std::vector<int>& passes : {std::vector<int>{50, 1, 1, 1, 17, 1, 9}, {63, 1, 1, 15}, {64, 16}, {7, 71, 2}}) {
        Context cut(device, kv::KvType::kBF16, precision), beside(device, kv::KvType::kBF16, precision);
        Logits got;
        size_t first = 0;
        for (const int rows : passes) {
          const auto part = std::span(tokens).subspan(first, size_t(rows)), other = std::span(others).subspan(first, size_t(rows));
          Logits logits(size_t(2 * rows * shape.vocab));
          const model::SequenceRows batch[] = {beside.rows(other, rows), cut.rows(part, rows)};
          device->forward(batch, logits.data());
          got.insert(got.end(), logits.begin() + rows * shape.vocab, logits.end());
          first += size_t(rows);
        }
        CHECK(same_bits(got, expected));
        CHECK(cut.sequence().fingerprint() == whole.sequence().fingerprint());
      }
    }
  }
}

TEST("a prefill without logits leaves the cache that decodes leave; the last rows' logits are those of all rows") {
  const TinyModel model(kLlama);
  const auto device = model.load(testing::cuda_backend());
  const Tokens tokens = model.random_tokens(90, 5);
  Context all(device), prefilled(device), decoded(device);
  const Logits logits = all.append(tokens, 90);
  prefilled.append(std::span(tokens).first(73), 0);
  for (int i = 0; i < 73; i++) decoded.append(std::span(tokens).subspan(size_t(i), 1), 0);
  CHECK(prefilled.sequence().fingerprint() == decoded.sequence().fingerprint());
  const Logits last = prefilled.append(std::span(tokens).last(17), 5);
  CHECK(same_bits(last, Logits(logits.end() - 5 * kLlama.vocab, logits.end())));
}

TEST("forks part ways without a trace in each other; what was rolled back is as if it had never been") {
  const TinyModel model(kLlama);
  const auto device = model.load(testing::cuda_backend());
  const Tokens text = model.random_tokens(70, 6), drafts = model.random_tokens(9, 7), rest = model.random_tokens(12, 8);
  Context plain(device);
  plain.append(text, 0);
  Context fork(plain), speculated(plain);
  fork.append(drafts, 0);  // shares the page that the others append to
  const Logits expected = plain.append(rest, 12);
  speculated.append(drafts, 9);
  speculated.sequence().truncate(70);
  CHECK(same_bits(speculated.append(rest, 12), expected));
  CHECK(speculated.sequence().fingerprint() == plain.sequence().fingerprint());
  fork.sequence().truncate(70);
  CHECK(same_bits(fork.append(rest, 12), expected));
}

TEST("a selection of pages: rows behind it agree with the oracle, and have the same bits in one pass and in many") {
  const TinyModel model(kQwen);
  const auto device = model.load(testing::cuda_backend()), oracle = model.load(ops::make_reference_backend());
  const Tokens text = model.random_tokens(250, 9), drafts = model.random_tokens(6, 10);
  const kv::TokenRange ranges[] = {{64, 70}, {130, 140}};
  const auto after_selection = [&](const Context::Model& on, const std::vector<int>& passes) {
    Context context(on);
    context.append(text, 0);
    kv::Selection selection(ranges, 200);
    Logits all;
    size_t first = 0;
    for (const int rows : passes) {
      const Logits logits = context.append(std::span(drafts).subspan(first, size_t(rows)), rows, &selection);
      all.insert(all.end(), logits.begin(), logits.end());
      first += size_t(rows);
    }
    return all;
  };
  const Logits once = after_selection(device, {6});
  CHECK(same_bits(once, after_selection(device, {1, 1, 3, 1})));
  const double error = deviation(once, after_selection(oracle, {6}));
  CHECK_MSG(error < 0.04, std::to_string(error));
}

TEST("a repeated cache is read behind its repetitions as the oracle reads it") {
  const TinyModel model(kLlama);
  const Tokens text = model.random_tokens(64, 11), rest = model.random_tokens(3, 12);
  const auto behind_repetitions = [&](std::shared_ptr<ops::Backend> backend) {
    Context context(model.load(std::move(backend)));
    context.append(text, 0);
    context.sequence().repeat(320);
    return context.append(rest, 3);
  };
  const double error = deviation(behind_repetitions(testing::cuda_backend()), behind_repetitions(ops::make_reference_backend()));
  CHECK_MSG(error < 0.04, std::to_string(error));
}

TEST("more logits than the device keeps at a time, and two models on one backend") {
  const TinyModel small(kLlama), large({.embedding = 128, .feed_forward = 352, .vocab = 200, .seed = 3});
  const auto backend = testing::cuda_backend();
  const auto a = small.load(backend);
  const Tokens tokens = small.random_tokens(40, 13);
  const Logits alone = Context(a).append(tokens, 40);
  const auto b = large.load(backend);
  const Logits of_large = Context(b).append(tokens, 33);
  CHECK(same_bits(Context(a).append(tokens, 40), alone));
  CHECK(same_bits(Context(b).append(tokens, 33), of_large));
  Logits one_by_one;
  Context context(b);
  for (const TokenId token : tokens) {
    const Logits logits = context.append(std::span(&token, 1), 1);
    one_by_one.insert(one_by_one.end(), logits.begin(), logits.end());
  }
  CHECK(same_bits(of_large, Logits(one_by_one.end() - 33 * 200, one_by_one.end())));
}

TEST("what a draft of Q8_0 reads is a little more than half of the bytes; the name says which device it is") {
  const auto device = TinyModel(kLlama).load(testing::cuda_backend());
  CHECK(device->draft_bytes() * 100 < device->weight_bytes() * 56);  // 18 of 34 bytes, and some padding
  CHECK(device->draft_bytes() * 2 > device->weight_bytes() && device->copy_bytes() == 0);
  CHECK(device->backend().name().find("cuda/sm_") == 0 && device->backend().device()->index == 0 && device->backend().packed_layout(DType::kQ8_0).empty());
}

TEST("keys and values of 32 bits are refused with the reason") {
  const auto device = TinyModel(kLlama).load(testing::cuda_backend());
  CHECK_THROWS(kInvalidArgument, device->cache(kv::KvType::kF32));
  CHECK(device->cache(kv::KvType::kF16) != nullptr);
}
