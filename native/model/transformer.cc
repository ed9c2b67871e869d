#include "model/transformer.h"

#include <algorithm>

#include "base/error.h"

namespace ragdraft::model {
namespace {

void check_cancelled(const std::atomic<bool>* cancel) {
  if (cancel && cancel->load(std::memory_order_relaxed)) throw Error(Code::kAborted, "the request was aborted");
}

}  // namespace

// Activations of one pass, [kMaxRows, ...] each.
struct Transformer::Workspace {
  std::vector<std::shared_ptr<std::byte[]>> memory;
  float *x, *q, *k, *v, *attended, *gate, *up, *wanted_x;
  std::vector<TokenId> tokens;
  std::vector<kv::KvSpan> spans;
  std::vector<int> wanted;  // rows whose logits are wanted

  Workspace(const Config& c, ops::Backend& backend) {
    const auto buffer = [&](int64_t columns) {
      memory.push_back(backend.memory()->allocate(size_t(kMaxRows) * size_t(columns) * sizeof(float)));
      return reinterpret_cast<float*>(memory.back().get());
    };
    x = buffer(c.embedding);
    q = buffer(int64_t(c.heads) * c.head_dim);
    k = buffer(int64_t(c.kv_heads) * c.head_dim);
    v = buffer(int64_t(c.kv_heads) * c.head_dim);
    attended = buffer(int64_t(c.heads) * c.head_dim);
    gate = buffer(c.feed_forward);
    up = buffer(c.feed_forward);
    wanted_x = buffer(c.embedding);
  }
};

Transformer::Transformer(std::shared_ptr<const io::GgufFile> file, Config config, Weights weights, std::shared_ptr<ops::Backend> backend)
    : file_(std::move(file)), config_(std::move(config)), backend_(std::move(backend)), weights_(std::move(weights)) {
  workspace_ = std::make_unique<Workspace>(config_, *backend_);
  recordings_ = backend_->make_recordings();
  const auto count = [this](const ops::Matrix& matrix) {
    weight_bytes_ += int64_t(matrix.bytes);
    copy_bytes_ += int64_t(matrix.copy_bytes);
    draft_bytes_ += int64_t(matrix.draft_bytes);
  };
  count(*weights_.output);
  for (const LayerWeights& w : weights_.layers) {
    for (const Linear* linear : {&w.q, &w.k, &w.v, &w.attention_output, &w.gate, &w.up, &w.down}) count(*linear->weight);
  }
}

Transformer::~Transformer() = default;

size_t Transformer::workspace_bytes(const Config& c) {
  const int64_t columns = 2 * (int64_t(c.heads) + c.kv_heads) * c.head_dim + 2 * (int64_t(c.embedding) + c.feed_forward);  // as in Workspace
  return size_t(kMaxRows) * size_t(columns) * sizeof(float);
}

std::shared_ptr<kv::Cache> Transformer::cache(kv::KvType type) {
  const std::lock_guard lock(caches_mutex_);
  const auto index = size_t(type);
  if (caches_.size() <= index) caches_.resize(index + 1);
  std::shared_ptr<kv::Cache> cache = caches_[index].lock();
  if (!cache) {
    const kv::KvLayout layout{config_.layers, config_.kv_heads, config_.head_dim, type, backend_->block_order()};
    backend_->check_kv(layout);
    cache = std::make_shared<kv::Cache>(layout, backend_->memory());
    caches_[index] = cache;
  }
  return cache;
}

void Transformer::forward(std::span<const SequenceRows> batch, float* logits, const std::atomic<bool>* cancel) {
  Workspace& ws = *workspace_;
  const Config& c = config_;
  check(!batch.empty(), Code::kInvalidArgument, "a forward pass needs at least one sequence");

  const ops::Precision precision = batch.front().precision;

  const bool stay = !logits && std::any_of(batch.begin(), batch.end(), [](const SequenceRows& part) { return part.logit_rows > 0; });
  const TokenId first_token = stay && backend_->rounds() ? unknown_draft(kMaxVerifyRows - 1) : 0;

  // Gather: rows of all sequences, one after the other.
  ws.tokens.clear();
  ws.spans.clear();
  ws.wanted.clear();
  for (const SequenceRows& part : batch) {
    const int rows = int(part.tokens.size());
    check(rows >= 1 && int(ws.tokens.size()) + rows <= kMaxRows, Code::kInvalidArgument, "a pass takes 1 to 256 rows");
    check(part.logit_rows >= 0 && part.logit_rows <= rows, Code::kInvalidArgument, "more logits are wanted than there are rows");
    for (TokenId token : part.tokens)
      check(token >= first_token && token < c.vocab, Code::kInvalidArgument, "a token id is outside the vocabulary");
    check(part.sequence->layout().type == batch.front().sequence->layout().type, Code::kInvalidArgument, "the sequences of a pass differ in KV type");
    check(part.precision == precision, Code::kInvalidArgument, "the sequences of a pass differ in precision");
    std::byte* const* pages = part.sequence->prepare_append(rows);
    const int first_row = int(ws.tokens.size());
    const Position length = part.sequence->length();
    ws.spans.push_back(part.selection ? part.selection->span(pages, first_row, rows, length) : kv::KvSpan{pages, first_row, rows, length});
    ws.tokens.insert(ws.tokens.end(), part.tokens.begin(), part.tokens.end());
    for (int r = rows - part.logit_rows; r < rows; r++) ws.wanted.push_back(first_row + r);
  }
  check(!stay || (backend_->keeps_logits() && int(ws.wanted.size()) <= kMaxVerifyRows), Code::kInvalidArgument,
        "logits are wanted, but neither memory for them is given nor can the backend keep them");
  check_cancelled(cancel);  // a pass that is replayed from a recording does not check again
  const ops::Pass pass{ws.tokens, ws.spans, ws.wanted, precision, batch.front().sequence->layout().type, logits};
  backend_->run(pass, recordings_.get(), [&] { run_layers(batch, logits, cancel); });
  for (const SequenceRows& part : batch) part.sequence->advance(int(part.tokens.size()));
}

// The operations depend only on the sizes of the workspace's arrays, the precision and the KV type, so that a backend may record them.
void Transformer::run_layers(std::span<const SequenceRows> batch, float* logits, const std::atomic<bool>* cancel) {
  Workspace& ws = *workspace_;
  const Config& c = config_;
  const ops::Precision precision = batch.front().precision;
  const int rows = int(ws.tokens.size());
  const kv::KvLayout& layout = batch.front().sequence->layout();
  const auto linear = [&](std::initializer_list<ops::LinearTask> tasks, const ops::LinearInput& input) {
    backend_->linear(std::span(tasks.begin(), tasks.size()), input, rows, precision);
  };

  backend_->embed(*weights_.embedding, ws.tokens, ws.x);
  for (int i = 0; i < c.layers; i++) {
    check_cancelled(cancel);
    const LayerWeights& w = weights_.layers[size_t(i)];
    const AttentionPlan& attention = c.plan.layers[size_t(i)].attention;
    const ops::Rope& rope = c.plan.ropes[size_t(attention.rope)];
    const auto normed = ops::LinearInput::rms_norm(ws.x, w.attention_norm.get(), c.norm_epsilon);
    if (ws.wanted.empty() && i == c.layers - 1) {  // nothing reads what follows: a prefill ends with the last layer's keys and values
      linear({w.k.into(ws.k), w.v.into(ws.v)}, normed);
      backend_->rope_append_kv(layout, i, ws.spans, rope, 0, nullptr, ws.k, ws.v);
      break;
    }
    linear({w.q.into(ws.q), w.k.into(ws.k), w.v.into(ws.v)}, normed);
    backend_->rope_append_kv(layout, i, ws.spans, rope, c.heads, ws.q, ws.k, ws.v);
    backend_->attention(layout, i, ws.spans, c.heads, attention.scale, ws.q, ws.attended);
    linear({w.attention_output.added_to(ws.x)}, {ws.attended});
    linear({w.gate.into(ws.gate), w.up.into(ws.up)}, ops::LinearInput::rms_norm(ws.x, w.feed_forward_norm.get(), c.norm_epsilon));
    linear({w.down.added_to(ws.x)}, ops::LinearInput::swiglu(ws.gate, ws.up));
  }

  if (!ws.wanted.empty()) {  // only the wanted rows meet the output matrix, all of them in one pass
    const int wanted = int(ws.wanted.size());
    const float* x = ws.x;
    if (wanted < rows) backend_->gather(ws.x, ws.wanted, c.embedding, ws.wanted_x), x = ws.wanted_x;
    backend_->logits(*weights_.output, ops::LinearInput::rms_norm(x, weights_.output_norm.get(), c.norm_epsilon), wanted, precision, logits);
  }
}

}  // namespace ragdraft::model
