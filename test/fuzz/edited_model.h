// A small valid model file, edited as bytes say.
#pragma once
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gguf_builder.h"

namespace fuzz {

// Takes numbers off the front; zeros when there is nothing left.
class Choices {
 public:
  explicit Choices(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  size_t below(size_t count) { return count == 0 ? 0 : byte() % count; }
  // Small, large, or any: 0..255, a power of two and its neighbours, 32 bits, 64 bits.
  uint64_t number() {
    switch (below(4)) {
      case 0: return byte();
      case 1: return (uint64_t(1) << below(64)) + byte() % 3 - 1;
      case 2: return uint64_t(byte()) << 24 | uint64_t(byte()) << 16 | uint64_t(byte()) << 8 | byte();
      default: return uint64_t(byte()) << 56 | uint64_t(byte()) << 40 | byte();
    }
  }

 private:
  std::span<const uint8_t> bytes_;
};

struct Entry {
  std::string key;
  uint32_t type;
  uint64_t number = 0;  // the bits of a float, the length of an array of zeros
  std::string text = {};
};
struct Tensor {
  std::string name;
  std::vector<uint64_t> shape;
  uint32_t type = 0;  // F32
};

inline std::vector<Entry> entries(const std::string& architecture) {
  using namespace gguf_test;
  const std::string a = architecture + ".";
  return {{"general.architecture", kString, 0, architecture},
          {a + "block_count", kU32, 2},
          {a + "embedding_length", kU32, 32},
          {a + "feed_forward_length", kU32, 64},
          {a + "attention.head_count", kU32, 4},
          {a + "attention.head_count_kv", kU32, 2},
          {a + "attention.key_length", kU32, 8},
          {a + "attention.value_length", kU32, 8},
          {a + "attention.layer_norm_rms_epsilon", kF32, std::bit_cast<uint32_t>(1e-5f)},
          {a + "context_length", kU32, 4096},
          {a + "rope.dimension_count", kU32, 8},
          {a + "rope.freq_base", kF32, std::bit_cast<uint32_t>(10000.0f)},
          {a + "rope.scaling.type", kString, 0, "yarn"},
          {a + "rope.scaling.factor", kF32, std::bit_cast<uint32_t>(4.0f)},
          {a + "rope.scaling.original_context_length", kU32, 1024},
          {a + "expert_count", kU32, 0}};
}

inline std::vector<Tensor> tensors(bool biases) {
  std::vector<Tensor> all = {{"token_embd.weight", {32, 48}}, {"output_norm.weight", {32}}, {"output.weight", {32, 48}}, {"rope_freqs.weight", {4}}};
  for (const std::string layer : {"blk.0.", "blk.1."}) {
    all.insert(all.end(), {{layer + "attn_norm.weight", {32}},
                           {layer + "attn_q.weight", {32, 32}},
                           {layer + "attn_k.weight", {32, 16}},
                           {layer + "attn_v.weight", {32, 16}},
                           {layer + "attn_output.weight", {32, 32}},
                           {layer + "ffn_norm.weight", {32}},
                           {layer + "ffn_gate.weight", {32, 64}},
                           {layer + "ffn_up.weight", {32, 64}},
                           {layer + "ffn_down.weight", {64, 32}}});
    if (biases) all.insert(all.end(), {{layer + "attn_q.bias", {32}}, {layer + "attn_k.bias", {16}}, {layer + "attn_v.bias", {16}}});
  }
  return all;
}

inline void edit(Entry& entry, Choices& choices) {
  static const char* const kTexts[] = {"llama", "qwen2", "linear", "yarn", "llama3", "longrope", "none", ""};
  switch (choices.below(4)) {
    case 0: entry.key += "x"; break;  // as good as absent
    case 1: entry.type = uint32_t(choices.below(13)); break;
    case 2: entry.number = choices.number(); break;
    default: entry.text = kTexts[choices.below(std::size(kTexts))];
  }
}

inline void edit(Tensor& tensor, Choices& choices) {
  switch (choices.below(4)) {
    case 0: tensor.name += "x"; break;
    case 1: tensor.type = uint32_t(choices.below(32)); break;
    case 2: tensor.shape.at(choices.below(tensor.shape.size())) = choices.below(2) ? choices.byte() : 32 * choices.byte(); break;
    default: choices.below(2) ? tensor.shape.push_back(1 + choices.below(3)) : tensor.shape.pop_back();
  }
  if (tensor.shape.empty()) tensor.shape = {1};
}

// An upper bound of a tensor's bytes: 4 for each element, and whole blocks.
inline size_t data_bytes(const Tensor& tensor) {
  size_t elements = 1;
  for (const uint64_t extent : tensor.shape) elements *= size_t(extent);
  return 4 * elements + 512;
}

inline gguf_test::Bytes edited_model(std::span<const uint8_t> bytes) {
  using namespace gguf_test;
  Choices choices(bytes);
  const bool qwen = choices.byte() & 1;
  std::vector<Entry> all = entries(qwen ? "qwen2" : "llama");
  std::vector<Tensor> matrices = tensors(qwen);
  for (int edits = 0; !choices.empty() && edits < 8; edits++) {
    if (choices.below(3) > 0) edit(all[choices.below(all.size())], choices);
    else edit(matrices[choices.below(matrices.size())], choices);
  }
  Builder builder;
  for (const Entry& entry : all) {
    Writer value;
    switch (entry.type) {
      case kU8: case kI8: case kBool: value.put(uint8_t(entry.number)); break;
      case kU16: case kI16: value.put(uint16_t(entry.number)); break;
      case kU32: case kI32: case kF32: value.put(uint32_t(entry.number)); break;
      case kString: value.text(entry.text); break;
      case kArray: value.put(uint32_t(kU8)).put(uint64_t(entry.number % 9)).raw(Bytes(entry.number % 9)); break;
      default: value.put(entry.number);
    }
    builder.entry(entry.key, entry.type, value);
  }
  for (const Tensor& tensor : matrices) builder.tensor(tensor.name, tensor.shape, tensor.type, counting_bytes(data_bytes(tensor)));
  return builder.build();
}

}  // namespace fuzz
