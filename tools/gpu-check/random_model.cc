#include "random_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "random_matrix.h"

namespace ragdraft::gpu_check {
namespace {

constexpr int64_t kPeriod = 4096 * 256;  // elements; whole blocks of every type

}  // namespace

WeightPool::WeightPool(formats::DType type, int64_t elements) : type_(type) {
  const int64_t period = std::min(kPeriod, (elements + 255) / 256 * 256);
  const testing::RandomMatrix m = testing::random_matrix(type, 1, period, 1);
  double squares = 0;
  for (const float value : m.row(0)) squares += double(value) * value;
  deviation_ = float(std::sqrt(squares / double(period)));
  bytes_.resize(formats::row_bytes(type, (elements + 255) / 256 * 256));
  for (size_t at = 0; at < bytes_.size(); at += m.bytes.size()) std::memcpy(bytes_.data() + at, m.bytes.data(), std::min(m.bytes.size(), bytes_.size() - at));
}

int64_t largest_matrix(const model::Config& c) { return int64_t(c.embedding) * std::max({c.vocab, c.feed_forward, c.heads * c.head_dim}); }

std::shared_ptr<model::Transformer> random_model(const model::Config& c, const WeightPool& pool, std::shared_ptr<ops::Backend> backend) {
  const auto vector = [&](int size, float middle, float spread) -> model::Vector {
    std::vector<float> values = testing::random_floats(size_t(size), 2);
    for (float& value : values) value = middle + spread * value;
    const auto memory = backend->memory()->allocate(values.size() * sizeof(float));
    backend->memory()->upload(memory.get(), values.data(), values.size() * sizeof(float));
    return model::Vector(memory, reinterpret_cast<float*>(memory.get()));
  };
  const auto matrix = [&](int64_t rows, int64_t columns) { return backend->pack(pool.matrix(rows, columns)); };
  const auto linear = [&](const model::LinearPlan& plan, int rows, int columns) -> model::Linear {
    return {matrix(rows, columns), plan.bias.empty() ? nullptr : vector(rows, 0, 0.5f)};
  };
  const float gain = 1 / (pool.deviation() * std::sqrt(float(c.embedding)));  // so that scores and logits are about 1
  const int q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;

  model::Weights weights;
  weights.embedding = backend->load_embedding(pool.matrix(c.vocab, c.embedding));
  for (int i = 0; i < c.layers; i++) {
    model::LayerWeights w;
    w.attention_norm = vector(c.embedding, gain, gain / 4);
    w.feed_forward_norm = vector(c.embedding, gain, gain / 4);
    const auto& [attention, feed_forward] = c.plan.layers[size_t(i)];
    w.q = linear(attention.q, q, c.embedding);
    w.k = linear(attention.k, kv, c.embedding);
    w.v = linear(attention.v, kv, c.embedding);
    w.attention_output = linear(attention.output, c.embedding, q);
    w.gate = linear(feed_forward.gate, c.feed_forward, c.embedding);
    w.up = linear(feed_forward.up, c.feed_forward, c.embedding);
    w.down = linear(feed_forward.down, c.embedding, c.feed_forward);
    weights.layers.push_back(std::move(w));
  }
  weights.output_norm = vector(c.embedding, gain, gain / 4);
  weights.output = matrix(c.vocab, c.embedding);
  return std::make_shared<model::Transformer>(nullptr, c, std::move(weights), std::move(backend));
}

}  // namespace ragdraft::gpu_check
