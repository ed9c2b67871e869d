// The tensors that a plan names, packed for one backend.
#pragma once
#include <memory>
#include <vector>

#include "io/gguf/gguf.h"
#include "model/config.h"
#include "model/weights_cache.h"
#include "ops/backend.h"

namespace ragdraft::model {

using Vector = std::shared_ptr<float[]>;  // norm weights and biases, in backend memory

struct Linear {
  std::unique_ptr<ops::Matrix> weight;  // [outputs, inputs]
  Vector bias;                          // [outputs]; null where the plan names none

  // y = W x + bias, or y += W x + bias.
  ops::LinearTask into(float* y) const { return {weight.get(), bias.get(), y}; }
  ops::LinearTask added_to(float* y) const { return {weight.get(), bias.get(), y, true}; }
};

struct LayerWeights {
  Vector attention_norm, feed_forward_norm;  // [embedding]
  Linear q, k, v;                            // [heads * head_dim, embedding], [kv_heads * head_dim, embedding] x 2
  Linear attention_output;                   // [embedding, heads * head_dim]
  Linear gate, up, down;                     // [feed_forward, embedding] x 2, [embedding, feed_forward]
};

struct Weights {
  std::unique_ptr<ops::EmbeddingTable> embedding;  // [vocab, embedding]
  std::vector<LayerWeights> layers;
  Vector output_norm;                   // [embedding]
  std::unique_ptr<ops::Matrix> output;  // [vocab, embedding]; made of the embedding where the file has no output.weight
  CacheReport cache;                    // says where the matrices came from
};

struct LoadOptions {
  bool draft_copy = false;   // give every matrix that gains by it a draft copy (ops/draft_copy.h)
  std::string cache_folder;  // where packed matrices are kept between processes (weights_cache.h); empty: they are not
};

// Packs tensor by tensor, so that its caller can report progress and stop in between.
class WeightsLoader {
 public:
  // Checks that every tensor of the plan exists with the shape that `config` asks for. Throws kInvalidModel, kUnsupportedModel (also what
  // check_supported() refuses), kInvalidArgument (a draft copy of weights that leave little to save).
  WeightsLoader(std::shared_ptr<const io::GgufFile> file, const Config& config, ops::Backend& backend, const LoadOptions& options);
  ~WeightsLoader();

  // Memory that loading will take. The caller fills in `kv`, `heads` and `tokens`.
  ops::Demand demand() const;

  bool done() const;
  // Packs one tensor, or writes some MiB to the cache. Throws kOutOfMemory.
  void step();
  // Bytes of the file's tensors that are packed so far, and of those that are written to the cache.
  int64_t loaded_bytes() const;
  // What loaded_bytes() will be in the end; it grows when it turns out that the cache has to be written.
  int64_t total_bytes() const;
  // The weights; may be called once, when done().
  Weights take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ragdraft::model
