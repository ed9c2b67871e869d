// From a file to a model that runs: configuration, weights, backend.
#pragma once
#include <memory>
#include <string>

#include "model/transformer.h"

namespace ragdraft::model {

// Memory that the model takes with `tokens` of context.
ops::Demand demand_of(const WeightsLoader& weights, const Config& config, const ops::Backend& backend, int tokens);

// Loads in steps, so that other requests run in between and an abort is heard.
class ModelLoader {
 public:
  // Opens and checks the file. Throws what GgufFile::open, read_config, WeightsLoader and Backend::require_capacity throw.
  ModelLoader(const std::string& path, std::shared_ptr<ops::Backend> backend, const LoadOptions& options = {});

  bool done() const { return weights_.done(); }
  // Throws kOutOfMemory, kDeviceFailed.
  void step() { weights_.step(); }
  int64_t loaded_bytes() const { return weights_.loaded_bytes(); }
  int64_t total_bytes() const { return weights_.total_bytes(); }
  std::shared_ptr<Transformer> take();  // once, when done(); throws kDeviceFailed, kOutOfMemory

 private:
  std::shared_ptr<const io::GgufFile> file_;
  std::shared_ptr<ops::Backend> backend_;
  Config config_;
  WeightsLoader weights_;
};

}  // namespace ragdraft::model
