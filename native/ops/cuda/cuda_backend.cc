#include "ops/cuda/cuda_backend.h"

#include <algorithm>

#include "base/error.h"
#include "ops/cuda/cuda_matrix.h"
#include "ops/cuda/capacity.h"
#include "ops/cuda/kernels/pass.h"
#include "ops/draft_copy.h"

namespace ragdraft::ops {

std::unique_ptr<Backend> make_cuda_backend(const ragdraft_cuda_api& api, int device) { return std::make_unique<cuda::CudaBackend>(api, device); }

namespace cuda {
namespace {

DeviceDescription describe(const ragdraft_cuda_api& api, int index) {
  const ragdraft_cuda_device_info info = device_info(api, index);
  return {index, info.name, info.total_bytes};
}

std::string name_of(const ragdraft_cuda_api& api, int index) {
  const ragdraft_cuda_device_info info = device_info(api, index);
  return "cuda/sm_" + std::to_string(info.major) + std::to_string(info.minor);
}

ragdraft_cuda_row_source source_of(const LinearInput& input) {
  return {int(input.kind), input.values, input.weight, input.epsilon, input.up};
}

// `input` without its first `rows` rows.
LinearInput rows_from(LinearInput input, int rows, int64_t columns) {
  input.values += rows * columns;
  if (input.up) input.up += rows * columns;
  return input;
}

// Row by row where each one stands, and the pages that its span sees. Returns the number of pages.
int fill(const ops::Pass& from, cuda::Pass& pass) {
  pass.rows = int32_t(from.tokens.size());
  pass.spans = int32_t(from.spans.size());
  pass.wanted = int32_t(from.wanted.size());
  std::copy(from.wanted.begin(), from.wanted.end(), pass.wanted_row);
  int pages = 0;
  for (int32_t s = 0; s < pass.spans; s++) {
    const kv::KvSpan& span = from.spans[size_t(s)];
    const int seen = (span.first_position + span.rows + kPageTokens - 1) / kPageTokens;
    check(seen <= kPassPages - pages, Code::kContextOverflow, "the sequences of a pass are longer together than the GPU's page table");
    pass.span[s] = {span.first_row, span.rows, span.first_position, pages};
    std::copy_n(span.pages, seen, pass.pages + pages);
    pages += seen;
    for (int r = 0; r < span.rows; r++) {
      const Position position = span.first_position + r;
      pass.row[span.first_row + r] = {from.tokens[size_t(span.first_row + r)], position, position + span.skipped, s};
    }
  }
  return pages;
}

}  // namespace

CudaBackend::CudaBackend(const ragdraft_cuda_api& api, int device_index)
    : device_(std::make_shared<const OpenDevice>(api, device_index)),
      memory_(std::make_shared<DeviceMemory>(device_)),
      description_(describe(api, device_index)),
      name_(name_of(api, device_index)) {}

void CudaBackend::check_kv(const kv::KvLayout& layout) const {
  check(layout.type != kv::KvType::kF32, Code::kInvalidArgument,
        "kv: 'f32' is not computed on the GPU, whose tensor cores multiply numbers of 16 bits: 'bf16', 'f16' and 'q8' are");
}

// ---- weights -------------------------------------------------------------------------------------------------------------

std::unique_ptr<Matrix> CudaBackend::pack(const formats::MatrixView& source) {
  auto matrix = std::make_unique<CudaMatrix>();
  check_blocks(source);
  std::vector<std::byte> recoded;
  matrix->packed = pack_matrix(*device_, *memory_, formats::computed_as(source.type), source.rows, source.columns, [&](int64_t first, int64_t rows) {
    return computed_rows(source, first, rows, recoded);
  });
  matrix->rows = source.rows;
  matrix->columns = source.columns;
  matrix->bytes = matrix->packed.bytes;
  matrix->draft_bytes = matrix->packed.draft_bytes;
  return matrix;
}

void CudaBackend::add_draft_copy(Matrix& matrix, const formats::MatrixView& source) {
  CudaMatrix& own = CudaMatrix::of(matrix);
  check(draft_copy_pays(source), Code::kInternal, "a matrix that cannot have a draft copy");
  std::vector<std::byte> rows_of_copy;
  own.copy = pack_matrix(*device_, *memory_, formats::DType::kQ4_0, source.rows, source.columns, [&](int64_t first, int64_t rows) {
    rows_of_copy = draft_copy_rows(source, first, rows);
    return static_cast<const std::byte*>(rows_of_copy.data());
  });
  own.copy_bytes = own.copy->bytes;
  own.draft_bytes = own.copy->draft_bytes;
}

// As the file stores it: a row is dequantised where it is looked up.
std::unique_ptr<EmbeddingTable> CudaBackend::load_embedding(const formats::MatrixView& source) {
  auto table = std::make_unique<CudaEmbedding>();
  table->rows = source.rows;
  table->columns = source.columns;
  table->type = formats::computed_as(source.type);
  table->row_bytes = formats::row_bytes(table->type, source.columns);
  table->bytes = size_t(source.rows) * table->row_bytes;
  table->memory = memory_->allocate(table->bytes);
  constexpr int64_t kRunRows = 4096;
  std::vector<std::byte> recoded;
  for (int64_t first = 0; first < source.rows; first += kRunRows) {
    const int64_t rows = std::min(kRunRows, source.rows - first);
    const std::byte* from = computed_rows(source, first, rows, recoded);
    memory_->upload(table->memory.get() + size_t(first) * table->row_bytes, from, size_t(rows) * table->row_bytes);
  }
  return table;
}

// ---- a pass --------------------------------------------------------------------------------------------------------------

void CudaBackend::upload(const ops::Pass& pass) {
  check(pass.tokens.size() <= kPassRows, Code::kInternal, "more rows than a pass of the GPU has");
  void* memory = nullptr;
  const bool stays = !pass.wanted.empty() && !pass.logits;  // the host does not wait for it
  device_->call(&ragdraft_cuda_api::next_pass, int(stays), &memory);
  const int pages = fill(pass, *static_cast<cuda::Pass*>(memory));
  device_->call(&ragdraft_cuda_api::upload_pass, pages);
  rows_ = int(pass.tokens.size());
  int longest = 0;
  for (const kv::KvSpan& span : pass.spans) longest = std::max(longest, span.first_position + span.rows);
  most_keys_ = context_bucket(longest);
  angles_of_ = nullptr;
}

void CudaBackend::run(const ops::Pass& pass, Recordings* recordings, const std::function<void()>& operations) {
  upload(pass);
  if (recordings && rows_ <= kMaxVerifyRows) {
    const PassShape shape{rows_, int(pass.spans.size()), int(pass.wanted.size()), pass.precision, pass.kv, most_keys_};
    run_recorded(CudaRecordings::of(*recordings).find(shape), operations);
  } else {
    operations();
  }
  if (!pass.logits || pass.wanted.size() > kLogitRows) return;
  memory_->download(pass.logits, logits_.values, pass.wanted.size() * size_t(logits_.vocabulary) * sizeof(float));
}

void CudaBackend::run_recorded(CudaRecordings::Recording& recording, const std::function<void()>& operations) {
  if (!recording.ran) {
    operations();
    recording.ran = true;
    return;
  }
  if (!recording.graph) record(recording, operations);
  device_->call(&ragdraft_cuda_api::replay, static_cast<const ragdraft_cuda_graph*>(recording.graph.get()));
  logits_ = recording.logits;
}

void CudaBackend::record(CudaRecordings::Recording& recording, const std::function<void()>& operations) {
  device_->call(&ragdraft_cuda_api::begin_recording);
  try {
    operations();
  } catch (...) {
    device_->api.drop_recording(device_->handle);
    throw;
  }
  ragdraft_cuda_graph* graph = nullptr;
  device_->call(&ragdraft_cuda_api::end_recording, &graph);
  recording.graph.reset(graph);
  recording.logits = logits_;
}

void CudaBackend::embed(const EmbeddingTable& table, std::span<const TokenId>, float* out) {
  const CudaEmbedding& own = CudaEmbedding::of(table);
  const ragdraft_cuda_embedding embedding{uint32_t(own.type), own.columns, int64_t(own.row_bytes), own.memory.get()};
  device_->call(&ragdraft_cuda_api::embed, &embedding, rows_, out);
}

void CudaBackend::linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision) {
  const bool draft = precision == Precision::kDraft;
  std::vector<ragdraft_cuda_product> products;
  for (const LinearTask& task : tasks) {
    const CudaMatrix& matrix = CudaMatrix::of(*task.weight);
    const PackedRows& weights = draft && matrix.copy ? *matrix.copy : matrix.packed;
    products.push_back({weights.shape, task.bias, task.y, task.accumulate});
  }
  const ragdraft_cuda_row_source source = source_of(input);
  device_->call(&ragdraft_cuda_api::linear, products.data(), int(products.size()), &source, rows, int(draft));
}

const CudaBackend::DeviceRope& CudaBackend::on_device(const Rope& rope) {
  for (const auto& known : ropes_) {
    const Rope& r = known->rope;
    if (r.frequency == rope.frequency && r.magnitude == rope.magnitude && r.interleaved == rope.interleaved) return *known;
  }
  const size_t pairs = rope.frequency.size(), bytes = pairs * sizeof(double);
  const auto frequency = memory_->allocate(bytes), angles = memory_->allocate(kPassRows * 2 * pairs * sizeof(float));
  memory_->upload(frequency.get(), rope.frequency.data(), bytes);
  ropes_.push_back(std::make_unique<const DeviceRope>(DeviceRope{rope, frequency, angles}));
  return *ropes_.back();
}

ragdraft_cuda_rope CudaBackend::shape_of(const DeviceRope& own) const {
  const Rope& rope = own.rope;
  return {reinterpret_cast<const double*>(own.frequency.get()), int(rope.frequency.size()), rope.magnitude, rope.interleaved};
}

void CudaBackend::rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan>, const Rope& rope, int heads, float* q,
                                 const float* k, const float* v) {
  const DeviceRope& own = on_device(rope);
  const ragdraft_cuda_rope shape = shape_of(own);
  auto* const angles = reinterpret_cast<float*>(own.angles.get());
  if (angles_of_ != &own) device_->call(&ragdraft_cuda_api::rope_angles, &shape, rows_, angles);  // once a pass
  angles_of_ = &own;
  const ragdraft_cuda_kv kv = kv_shape_of(layout, layer);
  device_->call(&ragdraft_cuda_api::rope_append, &shape, angles, &kv, heads, rows_, q, k, v);
}

void CudaBackend::attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale,
                            const float* q, float* out) {
  const ragdraft_cuda_kv kv = kv_shape_of(layout, layer);
  device_->call(&ragdraft_cuda_api::attention, &kv, heads, scale, rows_, int(spans.size()), most_keys_, q, out);
}

void CudaBackend::gather(const float* x, std::span<const int> rows, int columns, float* out) {
  device_->call(&ragdraft_cuda_api::gather_wanted, x, int(rows.size()), columns, out);
}

float* CudaBackend::logits_memory(int64_t vocabulary) {
  const size_t bytes = size_t(kLogitRows) * size_t(vocabulary) * sizeof(float);
  if (bytes > logits_bytes_) {
    logits_memory_.push_back(memory_->allocate(bytes));
    logits_bytes_ = bytes;
  }
  return reinterpret_cast<float*>(logits_memory_.back().get());
}

// Few rows stay until the pass ends; many are brought run by run.
void CudaBackend::logits(const Matrix& output, const LinearInput& input, int rows, Precision precision, float* logits) {
  logits_ = {logits_memory(output.rows), output.rows};
  const LinearTask task{&output, nullptr, logits_.values};
  if (rows <= kLogitRows) return linear({&task, 1}, input, rows, precision);
  for (int first = 0; first < rows; first += kLogitRows) {
    const int count = std::min(kLogitRows, rows - first);
    linear({&task, 1}, rows_from(input, first, output.columns), count, precision);
    memory_->download(logits + first * output.rows, logits_.values, size_t(count) * size_t(output.rows) * sizeof(float));
  }
}

// ---- rounds --------------------------------------------------------------------------------------------------------------

void CudaBackend::begin(const sampling::RoundRules& rules, Position position) {
  const ragdraft_cuda_round round{int(rules.output), rules.greedy, rules.keeps_q, rules.valid, rules.seed, position,
                                  rules.temperature, rules.transfer, rules.plausibility};
  device_->call(&ragdraft_cuda_api::begin_round, &round);
}

void CudaBackend::draft(int i) {
  const ragdraft_cuda_logits logits{logits_.values, logits_.vocabulary};
  device_->call(&ragdraft_cuda_api::draft, i, &logits);
}

sampling::RoundOutcome CudaBackend::judge(int judged, int rows) {
  const ragdraft_cuda_logits logits{logits_.values, logits_.vocabulary};
  ragdraft_cuda_outcome made{};
  device_->call(&ragdraft_cuda_api::judge, judged, rows, &logits, &made);
  sampling::RoundOutcome outcome{made.accepted, made.token, {}, made.draft_ms, made.verify_ms};
  std::copy(std::begin(made.draft), std::end(made.draft), outcome.draft.begin());
  return outcome;
}

}  // namespace cuda
}  // namespace ragdraft::ops
