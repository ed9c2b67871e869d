#include "model/load.h"

#include <algorithm>

namespace ragdraft::model {
namespace {

// Tokens of context, some chapters, whose keys and values must fit into the memory that the weights leave: else the model is not loaded.
// Memory for a longer document is allocated when the document is opened.
constexpr int kLeastContext = 8192;

}  // namespace

ModelLoader::ModelLoader(const std::string& path, std::shared_ptr<ops::Backend> backend, const LoadOptions& options)
    : file_(io::GgufFile::open(path)),
      backend_(std::move(backend)),
      config_(read_config(*file_)),
      weights_(file_, config_, *backend_, options) {
  backend_->require_capacity(demand_of(weights_, config_, *backend_, std::min(config_.context_length, kLeastContext)));
}

ops::Demand demand_of(const WeightsLoader& weights, const Config& config, const ops::Backend& backend, int tokens) {
  ops::Demand demand = weights.demand();
  demand.other_bytes += Transformer::workspace_bytes(config);
  demand.kv = {config.layers, config.kv_heads, config.head_dim, backend.preferred_kv(), backend.block_order()};
  demand.heads = config.heads;
  demand.tokens = tokens;
  return demand;
}

std::shared_ptr<Transformer> ModelLoader::take() {
  backend_->wait();  // a device that failed while it packed fails here
  return std::make_shared<Transformer>(file_, std::move(config_), weights_.take(), backend_);
}

}  // namespace ragdraft::model
