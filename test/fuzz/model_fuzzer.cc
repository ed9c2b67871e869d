// libFuzzer target: the configuration and the weights of a model. The bytes are edits of a small valid file: entries and tensors that are
// left out, renamed, or given other types, numbers and shapes. Whatever comes of them loads and computes one pass of finite work, or
// throws a typed error. (Random bytes would never get past the reader of the format, which gguf_fuzzer tests.)
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "edited_model.h"
#include "model/load.h"

using namespace ragdraft;

namespace {

// The reference backend's products are slow: files whose numbers are consistent, but large, are read and not computed.
constexpr int kMostLayers = 8, kMostWidth = 512;

void load(const std::shared_ptr<const io::GgufFile>& file) {
  const model::Config config = model::read_config(*file);
  const std::shared_ptr<ops::Backend> backend = ops::make_reference_backend();
  model::WeightsLoader loader(file, config, *backend, {});
  if (config.layers > kMostLayers || config.vocab > kMostWidth || config.embedding > kMostWidth) return;
  while (!loader.done()) loader.step();
  model::Transformer transformer(file, config, loader.take(), backend);
  kv::Sequence sequence(transformer.cache(kv::KvType::kF32), 8);
  const TokenId tokens[] = {0, TokenId(config.vocab - 1), 0};
  std::vector<float> logits(size_t(config.vocab));
  const model::SequenceRows rows{&sequence, ops::Precision::kFull, tokens, 1};
  transformer.forward({&rows, 1}, logits.data());
  if (sequence.length() != 3) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gguf_test::Bytes bytes = fuzz::edited_model({data, size});
  try {
    load(io::GgufFile::parse(bytes.data(), bytes.size()));
  } catch (const Error& error) {
    if (error.code() != Code::kInvalidModel && error.code() != Code::kUnsupportedModel) {
      std::fprintf(stderr, "%s: %s\n", std::string(code_name(error.code())).c_str(), error.what());
      std::abort();
    }
  }
  return 0;
}
