#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>

#include "base/error.h"
#include "ops/cuda/device.h"
#include "ops/cuda/kernels/attention.h"
#include "ops/cuda/kernels/inputs.h"
#include "ops/cuda/kernels/linear.h"
#include "random_matrix.h"
#include "random_model.h"

namespace ragdraft::gpu_check {
namespace {

using ops::cuda::InputForm;
using ops::cuda::OnDevice;
using Memory = OnDevice<std::byte>;

constexpr int kLinearRows[] = {1, 4, 11, 17}, kAttentionRows[] = {1, 11};

// Products that share their input, as a layer has them.
struct Group {
  const char* name;
  std::vector<int64_t> outputs;
  int64_t inputs;
};
std::vector<Group> groups_of(const model::Config& c) {
  const int64_t q = int64_t(c.heads) * c.head_dim, kv = int64_t(c.kv_heads) * c.head_dim;
  return {{"q, k, v", {q, kv, kv}, c.embedding},
          {"attention output", {c.embedding}, q},
          {"gate, up", {c.feed_forward, c.feed_forward}, c.embedding},
          {"down", {c.embedding}, c.feed_forward},
          {"logits", {c.vocab}, c.embedding}};
}

std::unique_ptr<Memory> floats(gpu::Stream& stream, size_t count) {
  auto memory = std::make_unique<Memory>(count * sizeof(float));
  const std::vector<float> values = testing::random_floats(count, 3);
  stream.to_device(memory->get(), values.data(), count * sizeof(float));
  stream.synchronize();
  return memory;
}
float* as_floats(const std::unique_ptr<Memory>& memory) { return reinterpret_cast<float*>(memory->get()); }

// A packed matrix in memory of its own.
struct Packed {
  std::unique_ptr<Memory> memory;
  ops::cuda::Weights weights;
};
Packed pack(gpu::Stream& stream, const tensor::MatrixView& view) {
  Packed packed{std::make_unique<Memory>(ops::cuda::packed_bytes(view.type, view.rows, view.columns)), {}};
  packed.weights = {view.type, view.rows, view.columns, reinterpret_cast<uint8_t*>(packed.memory->get())};
  constexpr int64_t kRun = 64 * ops::cuda::kPackRows;
  const size_t row_bytes = tensor::row_bytes(view.type, view.columns);
  const Memory raw(size_t(std::min(kRun, view.rows)) * row_bytes);
  for (int64_t first = 0; first < view.rows; first += kRun) {
    const int64_t rows = std::min(kRun, view.rows - first);
    stream.to_device(raw.get(), view.data + size_t(first) * row_bytes, size_t(rows) * row_bytes);
    ops::cuda::pack(stream, reinterpret_cast<const uint8_t*>(raw.get()), first, rows, packed.weights);
    stream.synchronize();
  }
  return packed;
}

void measure_group(const std::string& model, const std::string& type_name, const Group& group, const WeightPool& pool, const Options& options,
                    Listener& report) {
  const tensor::DType type = weight_type(type_name);
  gpu::Stream stream;
  size_t bytes = 0, draft_bytes = 0;
  int64_t outputs = 0;
  for (const int64_t rows : group.outputs) {
    bytes += ops::cuda::packed_bytes(type, rows, group.inputs);
    draft_bytes += ops::cuda::packed_draft_bytes(type, rows, group.inputs);
    outputs += rows;
  }
  const size_t cold = size_t(options.cold_mebibytes) << 20;
  const int copies = int(std::clamp<size_t>((cold + bytes - 1) / bytes, 2, 16));
  std::vector<std::vector<Packed>> matrices(static_cast<size_t>(copies));
  for (auto& of_copy : matrices)
    for (const int64_t rows : group.outputs) of_copy.push_back(pack(stream, pool.matrix(rows, group.inputs)));

  const int most_rows = *std::max_element(std::begin(kLinearRows), std::end(kLinearRows));
  const auto x = floats(stream, size_t(most_rows) * size_t(group.inputs)), y = floats(stream, size_t(most_rows) * size_t(outputs));
  for (const int rows : kLinearRows)
    for (const bool draft : {false, true}) {
      if (draft && (rows != 1 || draft_bytes == bytes)) continue;
      const InputForm form = ops::cuda::input_form(type);
      const Memory memory(ops::cuda::input_bytes(form, rows, group.inputs));
      const ops::cuda::Inputs inputs = ops::cuda::place_inputs(form, rows, group.inputs, memory.get());
      ops::cuda::make_inputs(stream, {ops::cuda::RowSource::Kind::kPlain, as_floats(x), nullptr, 0, nullptr}, rows, inputs);
      const auto launch = [&](int i) {
        std::vector<ops::cuda::Product> products;
        float* out = as_floats(y);
        for (const Packed& packed : matrices[size_t(i)]) {
          products.push_back({packed.weights, nullptr, out, false});
          out += size_t(rows) * size_t(packed.weights.rows);
        }
        ops::cuda::linear(stream, products.data(), int(products.size()), inputs, rows, draft);
      };
      const double read = double(draft ? draft_bytes : bytes), operations = 2.0 * double(outputs * group.inputs) * rows;
      Row row{.model = model, .metric = "kernel", .rows = rows, .weights = type_name,
              .setting = std::string("linear: ") + group.name + (draft ? ", draft" : ""), .runs = options.runs};
      row.ms = launch_ms(stream, options.runs, copies, launch);
      const double rate = report.peaks().bf16_gops * (form == InputForm::kBytes ? 2 : 1);
      row.limit_ms = std::max(read / report.peaks().read_gbps, operations / rate) / 1e6;
      row.gbps = read / row.ms / 1e6;
      row.gops = operations / row.ms / 1e6;
      report.add(row);
    }
}

// Inputs of products, from normed and gated rows: bound by the latency of a launch, not by bytes.
void measure_inputs(const std::string& model, const model::Config& config, const Options& options, Listener& report) {
  constexpr int kCalls = 32;  // as many as layers
  gpu::Stream stream;
  const int most_rows = *std::max_element(std::begin(kLinearRows), std::end(kLinearRows));
  const auto gate = floats(stream, size_t(most_rows) * size_t(config.feed_forward)), up = floats(stream, size_t(most_rows) * size_t(config.feed_forward));
  const auto weight = floats(stream, size_t(config.embedding));
  const ops::cuda::RowSource norm{ops::cuda::RowSource::Kind::kRmsNorm, as_floats(gate), as_floats(weight), config.norm_epsilon, nullptr};
  const ops::cuda::RowSource swiglu{ops::cuda::RowSource::Kind::kSwiGlu, as_floats(gate), nullptr, 0, as_floats(up)};
  for (const int rows : kLinearRows) {
    const auto timed = [&](const std::string& what, const auto& launch) {
      report.add({.model = model, .metric = "kernel", .rows = rows, .setting = what, .ms = launch_ms(stream, options.runs, kCalls, launch), .runs = options.runs});
    };
    for (const auto& [form, name] : {std::pair(InputForm::kBytes, "bytes"), {InputForm::kBF16, "bf16"}})
      for (const auto& [source, of, columns] : {std::tuple(&norm, "norm", config.embedding), {&swiglu, "swiglu", config.feed_forward}}) {
        const Memory memory(ops::cuda::input_bytes(form, rows, columns));
        const ops::cuda::Inputs inputs = ops::cuda::place_inputs(form, rows, columns, memory.get());
        timed(std::string("inputs: ") + of + ", " + name, [&, source = source](int) { ops::cuda::make_inputs(stream, *source, rows, inputs); });
      }
  }
}

// Keys and values of one layer, all alike and not zero.
void measure_keys(const std::string& model, const model::Config& config, const std::string& kv, int depth, const Options& options,
                       Listener& report) {
  const int most_rows = *std::max_element(std::begin(kAttentionRows), std::end(kAttentionRows));
  const size_t pages = size_t(depth + most_rows + kPageTokens - 1) / kPageTokens;
  kv::KvLayout layout{1, config.kv_heads, config.head_dim, kv_type(kv), kv::BlockOrder::kTokens};
  // Layers enough that none is in the cache when its turn comes again.
  const size_t layer_bytes = pages * layout.page_bytes();
  layout.layers = int(std::clamp<size_t>((size_t(options.cold_mebibytes) << 20) / layer_bytes + 1, 2, 16));
  gpu::Stream stream;
  const Memory memory(pages * layout.page_bytes());
  stream.fill(memory.get(), 0x3c, pages * layout.page_bytes());

  const size_t width = size_t(config.heads) * size_t(config.head_dim);
  const auto q = floats(stream, size_t(most_rows) * width), out = floats(stream, size_t(most_rows) * width);
  for (const int rows : kAttentionRows) {
    const auto host_pass = std::make_unique<ops::cuda::Pass>();
    host_pass->rows = rows;
    host_pass->spans = 1;
    host_pass->span[0] = {0, rows, depth, 0};
    for (int r = 0; r < rows; r++) host_pass->row[r] = {0, depth + r, depth + r, 0};
    for (size_t i = 0; i < pages; i++) host_pass->pages[i] = memory.get() + i * layout.page_bytes();
    const OnDevice<ops::cuda::Pass> pass(sizeof(ops::cuda::Pass));
    stream.to_device(pass.get(), host_pass.get(), sizeof(ops::cuda::Pass));

    ops::cuda::AttentionShape shape{layout.type, {}, config.heads, 1 / std::sqrt(float(config.head_dim)), rows, 1, depth + rows};
    shape.kv = ops::cuda::kv_shape(layout, 0);
    const size_t scratch_bytes = ops::cuda::attention_scratch_bytes(shape);
    const Memory scratch(scratch_bytes);
    stream.fill(scratch.get(), 0, scratch_bytes);
    stream.synchronize();
    const auto launch = [&](int layer) {
      shape.kv = ops::cuda::kv_shape(layout, layer);
      ops::cuda::attention(stream, pass.get(), shape, as_floats(q), as_floats(out), scratch.get());
    };
    Row row{.model = model, .metric = "kernel", .rows = rows, .depth = depth, .kv = kv, .setting = "attention", .runs = options.runs};
    row.ms = launch_ms(stream, options.runs, layout.layers, launch);
    const double read = (depth + rows) * double(layout.page_bytes()) / layout.layers / kPageTokens;
    const double operations = 4.0 * double(width) * (depth + (rows + 1) / 2.0) * rows;
    row.limit_ms = std::max(read / report.peaks().read_gbps, operations / report.peaks().bf16_gops) / 1e6;
    row.gbps = read / row.ms / 1e6;
    row.gops = operations / row.ms / 1e6;
    report.add(row);
  }
}

// Runs measure() unless there is no time left; what does not fit or does not exist is left out.
template <class Measure>
void tried(const std::string& what, const Deadline& deadline, Listener& report, const Measure& measure) {
  if (deadline.over()) return report.skip(what, "no time is left for it");
  try {
    measure();
  } catch (const Error& e) {
    if (e.code() != Code::kOutOfMemory && e.code() != Code::kUnsupportedModel) throw;
    report.skip(what, e.what());
  }
}

}  // namespace

void measure_attention(const std::string& model, const Options& options, const Deadline& deadline, Listener& report) {
  const model::Config config = shape_of(model);
  for (const std::string& kv : options.kv)
    for (const int depth : options.depths)
      tried(model + ", attention, " + kv + " KV, behind " + std::to_string(depth), deadline, report,
            [&] { measure_keys(model, config, kv, depth, options, report); });
  tried(model + ", inputs", deadline, report, [&] { measure_inputs(model, config, options, report); });
}

void measure_linear(const std::string& model, const std::string& weights, const Options& options, const Deadline& deadline, Listener& report) {
  const model::Config config = shape_of(model);
  tried(model + ", linear, " + weights, deadline, report, [&] {
    const WeightPool pool(weight_type(weights), largest_matrix(config));
    for (const Group& group : groups_of(config))
      if (!deadline.over()) measure_group(model, weights, group, pool, options, report);
  });
}

}  // namespace ragdraft::gpu_check
