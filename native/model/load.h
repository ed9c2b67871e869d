// Loads a model: reads its configuration, packs its weights, and joins them with a backend.
#pragma once
#include <memory>
#include <string>

#include "model/transformer.h"

namespace ragdraft::model {

// The memory that the model takes with `tokens` tokens of context.
ops::Demand demand_of(const WeightsLoader& weights, const Config& config, const ops::Backend& backend, int tokens);

// Loads in steps, so that other requests can run and an abort is noticed between them.
class ModelLoader {
 public:
  // Opens and checks the file. Throws what GgufFile::open, read_config, WeightsLoader and Backend::require_capacity throw.
  ModelLoader(const std::string& path, std::shared_ptr<ops::Backend> backend, const LoadOptions& options = {});

  bool done() const { return weights_.done(); }
  // Throws kOutOfMemory, kDeviceFailed.
  void step() { weights_.step(); }
  int64_t loaded_bytes() const { return weights_.loaded_bytes(); }
  int64_t total_bytes() const { return weights_.total_bytes(); }
  // The model; may be called once, when done(). Throws kDeviceFailed, kOutOfMemory.
  std::shared_ptr<Transformer> take();

 private:
  std::shared_ptr<const io::GgufFile> file_;
  std::shared_ptr<ops::Backend> backend_;
  Config config_;
  WeightsLoader weights_;
};

}  // namespace ragdraft::model
