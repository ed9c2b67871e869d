#include "model/weights.h"

#include <functional>

#include "base/error.h"
#include "ops/draft_copy.h"

namespace ragdraft::model {
namespace {

// Draft copies must save drafts at least one part in so many of the bytes that they read: else they cost acceptance and memory in vain.
constexpr int64_t kLeastSaving = 10;

}  // namespace

struct WeightsLoader::Impl {
  struct Task {
    const io::TensorInfo* tensor;
    int64_t bytes;  // for loaded_bytes()
    std::function<void()> pack;
  };
  std::shared_ptr<const io::GgufFile> file;
  ops::Backend& backend;
  const bool draft_copy;
  Weights weights;
  std::vector<Task> tasks;
  std::vector<MatrixSource> sources;                    // where the matrices come from, in the order of `matrices`
  std::vector<std::unique_ptr<ops::Matrix>*> matrices;
  std::unique_ptr<WeightsCache> cache;  // null: not asked for
  size_t vector_elements = 0;  // floats of all norms and biases
  size_t next = 0;
  int64_t loaded = 0, total = 0;
  int64_t saved_by_copies = 0;  // bytes that a pass at Precision::kDraft need not read

  Impl(std::shared_ptr<const io::GgufFile> file, ops::Backend& backend, bool draft_copy)
      : file(std::move(file)), backend(backend), draft_copy(draft_copy) {}

  const io::TensorInfo& expect(const std::string& name, std::vector<int64_t> shape) {
    const io::TensorInfo* tensor = file->tensor(name);
    if (!tensor) throw Error(Code::kInvalidModel, "the model lacks tensor " + name);
    if (tensor->shape != shape) {
      const auto text = [](const std::vector<int64_t>& dims) {
        std::string s = "[";
        for (size_t i = 0; i < dims.size(); i++) s += (i ? ", " : "") + std::to_string(dims[i]);
        return s + "]";
      };
      throw Error(Code::kInvalidModel, "tensor " + name + " has shape " + text(tensor->shape) + "; the metadata asks for " + text(shape));
    }
    (void)io::as_matrix(*tensor);  // refuses types that we do not run
    return *tensor;
  }
  void add(const io::TensorInfo& tensor, size_t bytes, std::function<void()> pack) {
    total += int64_t(bytes);
    tasks.push_back({&tensor, int64_t(bytes), std::move(pack)});
  }
  // first_row, tensor_rows: see LinearPlan.
  void matrix(const std::string& name, int64_t rows, int64_t columns, std::unique_ptr<ops::Matrix>& out, int64_t first_row = 0,
              int64_t tensor_rows = 0) {
    const io::TensorInfo& tensor = expect(name, {columns, tensor_rows ? tensor_rows : rows});
    formats::MatrixView source = io::as_matrix(tensor);
    check(first_row + rows <= source.rows, Code::kInternal, "a plan reads rows that a tensor has not");
    source.rows = rows;
    source.data += size_t(first_row) * formats::row_bytes(source.type, columns);
    const MatrixSource from{&tensor, source};
    const bool copied = draft_copy && ops::draft_copy_pays(source);
    if (copied) saved_by_copies += int64_t(from.bytes()) - rows * int64_t(formats::row_bytes(formats::DType::kQ4_0, columns));
    add(tensor, from.bytes(), [this, source, copied, &out, index = matrices.size()] {
      if (cache) out = cache->take(index);
      if (!out) out = backend.pack(source);
      if (copied) backend.add_draft_copy(*out, source);
    });
    sources.push_back(from);
    matrices.push_back(&out);
  }
  void linear(const std::string& layer, const LinearPlan& plan, int64_t rows, int64_t columns, Linear& out) {
    matrix(layer + plan.weight, rows, columns, out.weight, plan.first_row, plan.tensor_rows);
    if (!plan.bias.empty()) vector(layer + plan.bias, rows, out.bias);
  }
  void vector(const std::string& name, int64_t size, Vector& out) {
    const io::TensorInfo& tensor = expect(name, {size});
    vector_elements += size_t(size);
    add(tensor, tensor.bytes, [this, &tensor, &out, size] {
      const size_t bytes = size_t(size) * sizeof(float);
      const std::shared_ptr<std::byte[]> memory = backend.memory()->allocate(bytes);
      out = Vector(memory, reinterpret_cast<float*>(memory.get()));
      const formats::MatrixView view = io::as_matrix(tensor);
      std::vector<float> values(static_cast<size_t>(size));
      formats::dequantize_row(view.type, view.data, size, values.data());
      backend.memory()->upload(out.get(), values.data(), bytes);
    });
  }
  std::vector<const ops::Matrix*> packed_matrices() const {
    std::vector<const ops::Matrix*> all;
    for (const auto* matrix : matrices) all.push_back(matrix->get());
    return all;
  }
  // Bytes of the first `count` matrices in the model file.
  int64_t matrix_bytes(size_t count) const {
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += int64_t(sources[i].bytes());
    return bytes;
  }
};

WeightsLoader::WeightsLoader(std::shared_ptr<const io::GgufFile> file, const Config& c, ops::Backend& backend,
                             const LoadOptions& options)
    : impl_(std::make_unique<Impl>(std::move(file), backend, options.draft_copy)) {
  Impl& load = *impl_;
  Weights& w = load.weights;
  const int64_t q = int64_t(c.heads) * c.head_dim, kv = int64_t(c.kv_heads) * c.head_dim;

  check_supported(c.plan);
  const io::TensorInfo& table = load.expect("token_embd.weight", {c.embedding, c.vocab});
  load.tasks.push_back({&table, 0, [&w, &backend, &table] { w.embedding = backend.load_embedding(io::as_matrix(table)); }});
  w.layers.resize(size_t(c.layers));
  for (int i = 0; i < c.layers; i++) {
    LayerWeights& layer = w.layers[size_t(i)];
    const auto& [attention, feed_forward] = c.plan.layers[size_t(i)];
    const std::string prefix = "blk." + std::to_string(i) + ".";
    load.vector(prefix + attention.norm, c.embedding, layer.attention_norm);
    load.linear(prefix, attention.q, q, c.embedding, layer.q);
    load.linear(prefix, attention.k, kv, c.embedding, layer.k);
    load.linear(prefix, attention.v, kv, c.embedding, layer.v);
    load.linear(prefix, attention.output, c.embedding, q, layer.attention_output);
    load.vector(prefix + feed_forward.norm, c.embedding, layer.feed_forward_norm);
    load.linear(prefix, feed_forward.gate, c.feed_forward, c.embedding, layer.gate);
    load.linear(prefix, feed_forward.up, c.feed_forward, c.embedding, layer.up);
    load.linear(prefix, feed_forward.down, c.embedding, c.feed_forward, layer.down);
  }
  load.vector("output_norm.weight", c.embedding, w.output_norm);
  const bool tied = load.file->tensor("output.weight") == nullptr;
  load.matrix(tied ? "token_embd.weight" : "output.weight", c.vocab, c.embedding, w.output);
  check(!load.draft_copy || load.saved_by_copies >= load.total / kLeastSaving, Code::kInvalidArgument,
        "a draft copy would be of no use: too few of this model's weights are F32, F16 or BF16, which alone are copied");
  if (!options.cache_folder.empty())
    load.cache = std::make_unique<WeightsCache>(options.cache_folder, load.file, load.sources, backend);
}

WeightsLoader::~WeightsLoader() = default;

ops::Demand WeightsLoader::demand() const {
  const Impl& load = *impl_;
  ops::Demand demand;
  demand.draft_copy = load.draft_copy;
  demand.embedding = io::as_matrix(*load.file->tensor("token_embd.weight"));
  for (const MatrixSource& source : load.sources) demand.matrices.push_back(source.rows);
  demand.other_bytes = load.vector_elements * sizeof(float);
  return demand;
}

bool WeightsLoader::done() const { return impl_->next == impl_->tasks.size() && (!impl_->cache || impl_->cache->stored()); }
int64_t WeightsLoader::loaded_bytes() const { return impl_->loaded + impl_->matrix_bytes(impl_->cache ? impl_->cache->matrices_stored() : 0); }
int64_t WeightsLoader::total_bytes() const {
  const bool writes = impl_->cache && impl_->cache->writes();
  return impl_->total + impl_->matrix_bytes(writes ? impl_->matrices.size() : 0);
}

void WeightsLoader::step() {
  Impl& load = *impl_;
  if (load.cache && !load.cache->ready()) return load.cache->look_up();
  if (load.next == load.tasks.size()) return load.cache->store(load.packed_matrices());
  const Impl::Task& task = load.tasks[load.next++];
  const bool packs = !load.cache || !load.cache->in_use();
  if (packs && load.next < load.tasks.size()) load.file->prefetch(*load.tasks[load.next].tensor);  // the disk reads while the cores pack
  task.pack();
  load.file->release(*task.tensor);  // the packed form is the one in use: the weights are to be in memory once
  load.loaded += task.bytes;
}

Weights WeightsLoader::take() {
  if (impl_->cache) impl_->weights.cache = impl_->cache->report();
  return std::move(impl_->weights);
}

}  // namespace ragdraft::model
