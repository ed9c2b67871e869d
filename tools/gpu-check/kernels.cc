#include "kernels.h"

#include <cmath>

#include "kernel_bench.h"
#include "ops/cuda/kernels/attention/attention.h"
#include "ops/cuda/kernels/linear/inputs.h"
#include "ops/cuda/kernels/linear/linear.h"
#include "ops/cuda/kernels/rope/rope.h"
#include "ops/cuda/capacity.h"
#include "random_model.h"

namespace ragdraft::gpu_check {
namespace {

using ops::cuda::InputForm;

constexpr int kAttentionRows[] = {1, 11}, kMostAttentionRows = 11;

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

// A packed matrix in memory of its own.
struct Packed {
  std::unique_ptr<Memory> memory;
  ops::cuda::DeviceMatrix weights;
};
Packed pack(gpu::Stream& stream, const formats::MatrixView& view) {
  Packed packed{std::make_unique<Memory>(ops::cuda::packed_bytes(view.type, view.rows, view.columns)), {}};
  packed.weights = {view.type, view.rows, view.columns, reinterpret_cast<uint8_t*>(packed.memory->get())};
  constexpr int64_t kRun = 64 * ops::cuda::kPackRows;
  const size_t row_bytes = formats::row_bytes(view.type, view.columns);
  const Memory raw(size_t(std::min(kRun, view.rows)) * row_bytes);
  for (int64_t first = 0; first < view.rows; first += kRun) {
    const int64_t rows = std::min(kRun, view.rows - first);
    stream.to_device(raw.get(), view.data + size_t(first) * row_bytes, size_t(rows) * row_bytes);
    ops::cuda::pack(stream, reinterpret_cast<const uint8_t*>(raw.get()), first, rows, packed.weights);
    stream.synchronize();
  }
  return packed;
}

void measure_group(const Group& group, const WeightPool& pool, const Options& options, Report& report) {
  const formats::DType type = weight_type(options.weights);
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

  const Floats x(stream, size_t(kMostKernelRows) * size_t(group.inputs)), y(stream, size_t(kMostKernelRows) * size_t(outputs));
  for (const int rows : kKernelRows)
    for (const bool draft : {false, true}) {
      if (draft && (rows != 1 || draft_bytes == bytes)) continue;
      const InputForm form = ops::cuda::input_form(type);
      const Memory memory(ops::cuda::input_bytes(form, rows, group.inputs));
      const ops::cuda::Inputs inputs = ops::cuda::place_inputs(form, rows, group.inputs, memory.get());
      ops::cuda::make_inputs(stream, {ops::cuda::RowSource::Kind::kPlain, x.get(), nullptr, 0, nullptr}, rows, inputs);
      const auto launch = [&](int i) {
        std::vector<ops::cuda::Product> products;
        float* out = y.get();
        for (const Packed& packed : matrices[size_t(i % copies)]) {
          products.push_back({packed.weights, nullptr, out, false});
          out += size_t(rows) * size_t(packed.weights.rows);
        }
        ops::cuda::linear(stream, products.data(), int(products.size()), inputs, rows, draft);
      };
      add_kernel(report,
                 {.model = options.model, .rows = rows, .weights = options.weights, .setting = std::string("linear: ") + group.name + (draft ? ", draft" : ""),
                  .ms = launch_ms(stream, options.runs, options.calls, launch), .runs = options.runs},
                 double(draft ? draft_bytes : bytes), 2.0 * double(outputs * group.inputs) * rows,
                 report.peaks().bf16_gops * (form == InputForm::kBytes ? 2 : 1));
    }
}

// Keys and values of 64 random tokens, again and again to the last page.
void fill_pages(gpu::Stream& stream, const kv::KvLayout& layout, std::byte* pages, size_t count) {
  const size_t width = size_t(layout.kv_heads) * size_t(layout.head_dim), pairs = size_t(layout.head_dim) / 2;
  const Floats k(stream, kPageTokens * width), v(stream, kPageTokens * width), angles(stream, kPageTokens * 2 * pairs);
  const auto pass = pass_of(stream, kPageTokens, 0, pages, layout.page_bytes());
  const ops::cuda::RopeShape rope{nullptr, int(pairs), 1, false};  // angles that are none serve as well
  for (int layer = 0; layer < layout.layers; layer++)
    ops::cuda::rope_append(stream, pass->get(), rope, angles.get(), layout.type, ops::cuda::kv_shape(layout, layer), 0, kPageTokens, nullptr, k.get(), v.get());
  for (size_t i = 1; i < count; i++) stream.on_device(pages + i * layout.page_bytes(), pages, layout.page_bytes());
  stream.synchronize();
}

void measure_keys(const model::Config& config, const std::string& kv, int depth, const Options& options, Report& report) {
  const size_t pages = size_t(depth + kMostAttentionRows + kPageTokens - 1) / kPageTokens;
  kv::KvLayout layout{1, config.kv_heads, config.head_dim, kv_type(kv), kv::BlockOrder::kTokens};
  // Layers enough that none is in the cache when its turn comes again.
  const size_t layer_bytes = pages * layout.page_bytes();
  layout.layers = int(std::clamp<size_t>((size_t(options.cold_mebibytes) << 20) / layer_bytes + 1, 2, 16));
  gpu::Stream stream;
  const Memory memory(pages * layout.page_bytes());
  fill_pages(stream, layout, memory.get(), pages);

  const size_t width = size_t(config.heads) * size_t(config.head_dim);
  const Floats q(stream, size_t(kMostAttentionRows) * width), out(stream, size_t(kMostAttentionRows) * width);
  for (const int rows : kAttentionRows) {
    const auto pass = pass_of(stream, rows, depth, memory.get(), layout.page_bytes());
    ops::cuda::AttentionShape shape{layout.type, {}, config.heads, 1 / std::sqrt(float(config.head_dim)), rows, 1,
                                     ops::cuda::context_bucket(depth + rows)};
    shape.kv = ops::cuda::kv_shape(layout, 0);
    const size_t scratch_bytes = ops::cuda::attention_scratch_bytes(shape);
    const Memory scratch(scratch_bytes);
    stream.fill(scratch.get(), 0, scratch_bytes);
    stream.synchronize();
    const auto launch = [&](int i) {
      shape.kv = ops::cuda::kv_shape(layout, i % layout.layers);
      ops::cuda::attention(stream, pass->get(), shape, q.get(), out.get(), scratch.get());
    };
    const double ms = launch_ms(stream, options.runs, options.calls, launch);
    add_kernel(report, {.model = options.model, .rows = rows, .depth = depth, .kv = kv, .setting = "attention", .ms = ms, .runs = options.runs},
               (depth + rows) * double(layout.page_bytes()) / layout.layers / kPageTokens,
               4.0 * double(width) * (depth + (rows + 1) / 2.0) * rows, report.peaks().bf16_gops);
  }
}

}  // namespace

void measure_attention(const Options& options, Report& report) {
  const model::Config config = shape_of(options.model);
  for (const std::string& kv : options.kv)
    for (const int depth : options.depths)
      tried(options.model + ", attention, " + kv + " KV, at context " + std::to_string(depth), report,
            [&] { measure_keys(config, kv, depth, options, report); });
}

void measure_linear(const Options& options, Report& report) {
  const model::Config config = shape_of(options.model);
  tried(options.model + ", linear, " + options.weights, report, [&] {
    const WeightPool pool(weight_type(options.weights), largest_matrix(config));
    for (const Group& group : groups_of(config)) measure_group(group, pool, options, report);
  });
}

}  // namespace ragdraft::gpu_check
