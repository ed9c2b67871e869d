// Passes as graphs: they give the bits of passes that run as they are called.
#include <cstring>
#include <thread>

#include "cuda_model_fixture.h"
#include "ops/backend.h"
#include "tap.h"

using namespace ragdraft;
using testing::Context;
using testing::Logits;
using testing::same_bits;
using testing::TinyModel;
using testing::TinyShape;
using testing::Tokens;

namespace {

const TinyShape kLlama{};
const TinyShape kQwen{.architecture = "qwen2", .embedding = 96, .heads = 6, .kv_heads = 2, .head_dim = 16, .vocab = 120, .tied = true, .seed = 2};

// A table of token vectors that passes of `rows` rows look tokens up in.
class Lookups {
 public:
  explicit Lookups(int rows) : rows_(rows) {
    for (size_t i = 0; i < kTokens * kColumns; i++) values_.push_back(float(i));
    table_ = backend->load_embedding({formats::DType::kF32, kTokens, kColumns, reinterpret_cast<const std::byte*>(values_.data())});
    page_ = backend->memory()->allocate(bytes());
    out_ = backend->memory()->allocate(bytes());
  }
  size_t bytes() const { return size_t(rows_) * kColumns * sizeof(float); }

  // instead_of: the operations of the pass; nullptr: the look-up.
  void run(ops::Recordings* recordings, TokenId first, const std::function<void()>& instead_of = nullptr) {
    std::vector<TokenId> tokens;
    for (int r = 0; r < rows_; r++) tokens.push_back((first + r) % TokenId(kTokens));
    std::byte* const page = page_.get();
    const kv::KvSpan span{&page, 0, rows_, 0};
    backend->run({tokens, {&span, 1}, {}}, recordings, [&] {
      calls++;
      if (instead_of) instead_of();
      backend->embed(*table_, tokens, reinterpret_cast<float*>(out_.get()));
    });
    Logits got(bytes() / sizeof(float));
    backend->memory()->download(got.data(), out_.get(), bytes());
    for (int r = 0; r < rows_; r++) CHECK(got[size_t(r) * kColumns + 1] == float(tokens[size_t(r)] * TokenId(kColumns) + 1));
  }

  const std::shared_ptr<ops::Backend> backend = testing::cuda_backend();
  int calls = 0;  // of operations

 private:
  static constexpr int64_t kTokens = 50, kColumns = 32;
  const int rows_;
  Logits values_;
  std::unique_ptr<ops::EmbeddingTable> table_;
  std::shared_ptr<std::byte[]> page_, out_;
};

}  // namespace

TEST("operations are called twice: to run and to be recorded. Without recordings, or with many rows, each time") {
  Lookups few(17), many(18);
  const auto recordings = few.backend->make_recordings(), of_many = many.backend->make_recordings();
  for (int i = 0; i < 5; i++) {
    few.run(recordings.get(), i);
    many.run(of_many.get(), i);
  }
  CHECK(few.calls == 2 && many.calls == 5);
  for (int i = 0; i < 5; i++) few.run(nullptr, i);
  CHECK(few.calls == 7);
}

TEST("operations that throw while they are recorded leave nothing recorded") {
  Lookups lookups(2);
  const auto recordings = lookups.backend->make_recordings();
  lookups.run(recordings.get(), 0);
  CHECK_THROWS(kAborted, lookups.run(recordings.get(), 1, [] { throw Error(Code::kAborted, "by the test"); }));
  for (int i = 2; i < 5; i++) lookups.run(recordings.get(), i);
  CHECK(lookups.calls == 3);
}

TEST("memory that another thread asks for while a pass is recorded is there at once, and is no part of the pass") {
  Lookups lookups(2);
  const auto recordings = lookups.backend->make_recordings();
  Memory& memory = *lookups.backend->memory();
  std::shared_ptr<std::byte[]> other;
  const uint32_t seven = 7;
  lookups.run(recordings.get(), 0);
  uint32_t got = seven;
  lookups.run(recordings.get(), 1, [&] {
    std::thread([&] {
      other = memory.allocate(sizeof seven);
      memory.download(&got, other.get(), sizeof got);
    }).join();
  });
  CHECK(got == 0);
  memory.upload(other.get(), &seven, sizeof seven);
  lookups.run(recordings.get(), 2);
  memory.download(&got, other.get(), sizeof got);
  CHECK(got == seven);
}

TEST("passes that are run, recorded and replayed have the same bits: shapes that take turns, any context, with and without logits") {
  const TinyModel model(kLlama);
  const auto device = model.load(testing::cuda_backend());
  const Tokens tokens = model.random_tokens(1100, 20);
  Context whole(device), cut(device, kv::KvType::kBF16, ops::Precision::kFull, 1200), plain(device, kv::KvType::kBF16, ops::Precision::kFull, 1200);
  const Logits expected = whole.append(std::span(tokens).first(200), 200);
  Logits got;
  for (size_t first = 0; first < 200;) {
    for (const size_t rows : {size_t(1), size_t(4), size_t(3)}) {
      const auto part = std::span(tokens).subspan(first, rows);
      const Logits logits = cut.append(part, rows == 3 ? 0 : int(rows));
      const auto from = expected.begin() + long(first) * kLlama.vocab;
      CHECK(logits.empty() || same_bits(logits, Logits(from, from + long(rows) * kLlama.vocab)));
      first += rows;
    }
  }
  CHECK(cut.sequence().fingerprint() == whole.sequence().fingerprint());
  // Beyond the first context bucket other graphs serve.
  for (size_t first = 200; first < 1000; first += 200) cut.append(std::span(tokens).subspan(first, 200), 0);
  for (size_t first = 0; first < 1000; first += 200) plain.append(std::span(tokens).subspan(first, 200), 0);
  const Logits together = plain.append(std::span(tokens).subspan(1000, 60), 60);
  for (size_t i = 0; i < 60; i++) {
    const auto from = together.begin() + long(i) * kLlama.vocab;
    CHECK(same_bits(cut.append(std::span(tokens).subspan(1000 + i, 1), 1), Logits(from, from + kLlama.vocab)));
  }
}

TEST("models, precisions, KV types and sequences side by side on one device have recordings of their own") {
  const TinyModel llama(kLlama), qwen(kQwen);
  const auto backend = testing::cuda_backend();
  const auto a = llama.load(backend);
  auto b = qwen.load(backend);
  const Tokens tokens = llama.random_tokens(12, 21);
  std::vector<std::pair<std::shared_ptr<model::Transformer>, const TinyModel*>> models = {{a, &llama}, {b, &qwen}};
  for (const kv::KvType type : {kv::KvType::kBF16, kv::KvType::kQ8})
    for (const ops::Precision precision : {ops::Precision::kFull, ops::Precision::kDraft}) {
      std::vector<Logits> expected;
      for (const auto& [device, model] : models) expected.push_back(Context(model->load(testing::cuda_backend()), type, precision).append(tokens, 12));
      std::vector<std::unique_ptr<Context>> contexts;
      for (int twin = 0; twin < 2; twin++)
        for (const auto& [device, model] : models) contexts.push_back(std::make_unique<Context>(device, type, precision));
      for (size_t i = 0; i < tokens.size(); i++)
        for (size_t c = 0; c < contexts.size(); c++) {
          const Logits logits = contexts[c]->append(std::span(tokens).subspan(i, 1), 1);
          const auto from = expected[c % 2].begin() + long(i * logits.size());
          CHECK(same_bits(logits, Logits(from, from + long(logits.size()))));
        }
    }
  // A model that goes takes its recordings with it.
  models.pop_back();
  b = nullptr;
  Context again(a);
  const Logits expected = Context(llama.load(testing::cuda_backend())).append(tokens, 12);
  for (size_t i = 0; i < tokens.size(); i++) {
    const auto from = expected.begin() + long(i) * kLlama.vocab;
    CHECK(same_bits(again.append(std::span(tokens).subspan(i, 1), 1), Logits(from, from + kLlama.vocab)));
  }
}

TEST("more shapes than are kept: those used longest ago are recorded anew") {
  const TinyModel model(kLlama);
  const auto device = model.load(testing::cuda_backend());
  const Tokens tokens = model.random_tokens(20, 23);
  Context base(device);
  base.append(std::span(tokens).first(3), 0);
  const Logits expected = Context(base).append(std::span(tokens).subspan(3, 17), 17);
  for (int run = 0; run < 3; run++)
    for (int rows = 1; rows <= 17; rows++)
      for (int wanted = 0; wanted <= rows; wanted += 1 + rows / 6) {
        const Logits logits = Context(base).append(std::span(tokens).subspan(3, size_t(rows)), wanted);
        const auto from = expected.begin() + long(rows - wanted) * kLlama.vocab;
        CHECK(same_bits(logits, Logits(from, from + long(wanted) * kLlama.vocab)));
      }
}

TEST("logits that stay are asked for by no more rows than there is room for, and of a backend that keeps them") {
  const TinyModel model(kLlama);
  const auto device = model.load(testing::cuda_backend()), host = model.load(ops::make_reference_backend());
  const Tokens tokens = model.random_tokens(18, 24);
  Context on_device(device), on_host(host);
  const auto few = on_device.rows(std::span(tokens).first(17), 17), many = on_device.rows(tokens, 18), none = on_host.rows(tokens, 1);
  CHECK_THROWS(kInvalidArgument, device->forward({&many, 1}, nullptr));
  CHECK_THROWS(kInvalidArgument, host->forward({&none, 1}, nullptr));
  device->forward({&few, 1}, nullptr);
  CHECK(on_device.sequence().length() == 17);
}
