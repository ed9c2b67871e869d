// The CUDA module's one exported symbol: its functions, each of which turns exceptions into a status.
#include "ops/cuda/module.h"

#include <algorithm>
#include <cstdio>
#include <new>
#include <vector>

#include "base/error.h"
#include "ops/cuda/device.h"
#include "ops/cuda/kernels/rope/rope.h"
#include "ops/cuda/kernels/rows.h"

#if defined(_WIN32)
#define RAGDRAFT_EXPORT extern "C" __declspec(dllexport)
#else
#define RAGDRAFT_EXPORT extern "C" __attribute__((visibility("default")))
#endif
#ifndef RAGDRAFT_CUDA_ARCHS
#define RAGDRAFT_CUDA_ARCHS "?"
#endif

struct ragdraft_cuda_device : ragdraft::ops::cuda::Device {
  using Device::Device;
};
struct ragdraft_cuda_graph {
  ragdraft::gpu::Graph graph;
};

namespace {

using namespace ragdraft;
using namespace ragdraft::ops;
using Report = ragdraft_cuda_error;
using Handle = ragdraft_cuda_device;

int status_of(Code code) {
  switch (code) {
    case Code::kOutOfMemory: return RAGDRAFT_CUDA_OUT_OF_MEMORY;
    case Code::kDeviceFailed: return RAGDRAFT_CUDA_FAILED;
    case Code::kUnsupportedModel: return RAGDRAFT_CUDA_UNSUPPORTED;
    default: return RAGDRAFT_CUDA_INTERNAL;
  }
}

template <class Body>
int guarded(Report* error, const Body& body) noexcept {
  const auto failed = [&](int status, const char* text) {
    snprintf(error->text, sizeof error->text, "%s", text);
    return status;
  };
  try {
    body();
    return RAGDRAFT_CUDA_OK;
  } catch (const Error& e) {
    return failed(status_of(e.code()), e.what());
  } catch (const std::bad_alloc&) {
    return failed(RAGDRAFT_CUDA_OUT_OF_MEMORY, "no memory of the host");
  } catch (const std::exception& e) {
    return failed(RAGDRAFT_CUDA_INTERNAL, e.what());
  }
}

// With the device chosen for this thread, and nobody else at it.
template <class Body>
int guarded(Handle* device, Report* error, const Body& body) noexcept {
  return guarded(error, [&] {
    const std::lock_guard<std::mutex> lock(device->mutex);
    if (!device->failure.empty()) throw Error(Code::kDeviceFailed, "it failed before: " + device->failure);
    try {
      gpu::use_device(device->index);
      body();
    } catch (const Error& e) {
      if (e.code() == Code::kDeviceFailed) device->failure = e.what();
      throw;
    }
  });
}

// Until nothing uses memory that is to be released. A device that failed does nothing any more.
void settle(Handle* device) noexcept {
  Report ignored;
  guarded(device, &ignored, [&] { device->stream.synchronize(); });
}

int device_count(int* count, Report* error) {
  return guarded(error, [&] { *count = gpu::device_count(); });
}

int device_info(int index, ragdraft_cuda_device_info* info, Report* error) {
  return guarded(error, [&] {
    const gpu::DeviceInfo device = gpu::device_info(index);
    snprintf(info->name, sizeof info->name, "%s", device.name.c_str());
    info->major = device.major;
    info->minor = device.minor;
    info->multiprocessors = device.multiprocessors;
    info->total_bytes = device.total_bytes;
  });
}

int open_device(int index, Handle** device, Report* error) {
  return guarded(error, [&] { *device = new Handle(index); });
}

void close_device(Handle* device) {
  settle(device);
  delete device;
}

int memory_info(Handle* device, uint64_t* free_bytes, uint64_t* total_bytes, Report* error) {
  return guarded(device, error, [&] {
    const gpu::MemoryInfo info = gpu::memory_info();
    *free_bytes = info.free;
    *total_bytes = info.total;
  });
}

int allocate(Handle* device, size_t bytes, void** memory, Report* error) {
  return guarded(device, error, [&] { *memory = device->allocate(bytes); });
}

void release(Handle* device, void* memory) {
  settle(device);
  gpu::release(memory);
}

int copy(Handle* device, void* to, const void* from, size_t bytes, Report* error) {
  return guarded(device, error, [&] { device->stream.on_device(to, from, bytes); });
}

int zero(Handle* device, void* to, size_t bytes, Report* error) {
  return guarded(device, error, [&] { device->stream.fill(to, 0, bytes); });
}

int upload(Handle* device, void* to, const void* from, size_t bytes, Report* error) {
  return guarded(device, error, [&] { device->upload(to, from, bytes); });
}

int download(Handle* device, void* to, const void* from, size_t bytes, Report* error) {
  return guarded(device, error, [&] { device->download(to, from, bytes); });
}

int wait(Handle* device, Report* error) {
  return guarded(device, error, [&] { device->stream.synchronize(); });
}

int packed_size(uint32_t type, int64_t rows, int64_t columns, uint64_t* bytes, uint64_t* draft_bytes, uint64_t* scratch_bytes,
                Report* error) {
  return guarded(error, [&] {
    *bytes = cuda::packed_bytes(formats::DType(type), rows, columns);
    *draft_bytes = cuda::packed_draft_bytes(formats::DType(type), rows, columns);
    *scratch_bytes = cuda::linear_scratch_bytes(formats::DType(type), columns);
  });
}

cuda::DeviceMatrix weights_of(const ragdraft_cuda_matrix& matrix) {
  return {formats::DType(matrix.type), matrix.rows, matrix.columns, static_cast<uint8_t*>(matrix.device_data)};
}

int pack(Handle* device, const ragdraft_cuda_matrix* into, int64_t first_row, int64_t rows, const void* from, Report* error) {
  static_assert(RAGDRAFT_CUDA_PACK_ROWS % cuda::kPackRows == 0, "runs of the core are runs of the kernels");
  return guarded(device, error, [&] { device->pack(weights_of(*into), first_row, rows, from); });
}

int next_pass(Handle* device, int ahead, void** pass, Report* error) {
  return guarded(device, error, [&] { *pass = device->next_pass(ahead != 0); });
}

int upload_pass(Handle* device, int pages, Report* error) {
  return guarded(device, error, [&] { device->upload_pass(pages); });
}

int begin_recording(Handle* device, Report* error) {
  return guarded(device, error, [&] { device->begin_recording(); });
}

int end_recording(Handle* device, ragdraft_cuda_graph** graph, Report* error) {
  return guarded(device, error, [&] { *graph = new ragdraft_cuda_graph{device->end_recording()}; });
}

void drop_recording(Handle* device) {
  Report ignored;
  guarded(device, &ignored, [&] { device->end_recording(); });
}

int replay(Handle* device, const ragdraft_cuda_graph* graph, Report* error) {
  return guarded(device, error, [&] { graph->graph.launch(device->stream); });
}

void release_graph(Handle* device, ragdraft_cuda_graph* graph) {
  settle(device);
  delete graph;
}

int embed(Handle* device, const ragdraft_cuda_embedding* table, int rows, float* out, Report* error) {
  return guarded(device, error, [&] {
    const auto* data = static_cast<const uint8_t*>(table->device_data);
    cuda::embed(device->work(), device->pass(), device->drafts(), {formats::DType(table->type), table->columns, table->row_bytes, data}, rows, out);
  });
}

int gather_wanted(Handle* device, const float* x, int wanted, int64_t columns, float* out, Report* error) {
  return guarded(device, error, [&] { cuda::gather_wanted(device->work(), device->pass(), x, wanted, columns, out); });
}

int linear(Handle* device, const ragdraft_cuda_product* products, int count, const ragdraft_cuda_row_source* source, int rows, int draft,
           Report* error) {
  return guarded(device, error, [&] {
    std::vector<cuda::Product> all;
    for (int i = 0; i < count; i++) {
      const ragdraft_cuda_product& p = products[i];
      all.push_back({weights_of(p.weights), p.device_bias, p.device_y, p.accumulate != 0});
    }
    const cuda::RowSource rows_of{cuda::RowSource::Kind(source->kind), source->device_values, source->device_weight, source->epsilon,
                                  source->device_up};
    device->linear(all.data(), count, rows_of, rows, draft != 0);
  });
}

cuda::RopeShape shape_of(const ragdraft_cuda_rope* rope) {
  return {rope->device_frequency, rope->pairs, rope->magnitude, rope->interleaved != 0};
}

int rope_angles(Handle* device, const ragdraft_cuda_rope* rope, int rows, float* angles, Report* error) {
  return guarded(device, error, [&] { cuda::rope_angles(device->work(), device->pass(), shape_of(rope), rows, angles); });
}

kv::KvLayout layout_of(const ragdraft_cuda_kv& kv) {
  return {kv.layers, kv.kv_heads, kv.head_dim, kv::KvType(kv.type), kv::BlockOrder::kTokens};
}

int rope_append(Handle* device, const ragdraft_cuda_rope* rope, const float* angles, const ragdraft_cuda_kv* kv, int heads, int rows, float* q,
                const float* k, const float* v, Report* error) {
  return guarded(device, error, [&] {
    const kv::KvLayout layout = layout_of(*kv);
    cuda::rope_append(device->work(), device->pass(), shape_of(rope), angles, layout.type, cuda::kv_shape(layout, kv->layer), heads, rows, q,
                      k, v);
  });
}

cuda::AttentionShape attention_shape(const ragdraft_cuda_kv& kv, int heads, float scale, int rows, int spans, int most_keys) {
  const kv::KvLayout layout = layout_of(kv);
  return {layout.type, cuda::kv_shape(layout, kv.layer), heads, scale, rows, spans, most_keys};
}

int attention(Handle* device, const ragdraft_cuda_kv* kv, int heads, float scale, int rows, int spans, int most_keys, const float* q,
              float* out, Report* error) {
  return guarded(device, error, [&] { device->attention(attention_shape(*kv, heads, scale, rows, spans, most_keys), q, out); });
}

int attention_scratch(const ragdraft_cuda_kv* kv, int heads, int rows, int spans, int most_keys, uint64_t* bytes, Report* error) {
  return guarded(error, [&] { *bytes = cuda::attention_scratch_bytes(attention_shape(*kv, heads, 1, rows, spans, most_keys)); });
}

int begin_round(Handle* device, const ragdraft_cuda_round* round, Report* error) {
  return guarded(device, error, [&] {
    const sampling::RoundRules rules{sampling::OutputDistribution(round->output), round->greedy != 0, round->keeps_q != 0, round->valid,
                           round->seed, round->temperature, round->transfer, round->plausibility};
    device->begin_round(rules, round->position);
  });
}

int draft(Handle* device, int i, const ragdraft_cuda_logits* logits, Report* error) {
  return guarded(device, error, [&] { device->draft(i, logits->device_values); });
}

int judge(Handle* device, int judged, int rows, const ragdraft_cuda_logits* logits, ragdraft_cuda_outcome* outcome, Report* error) {
  static_assert(sizeof outcome->draft == kMaxVerifyRows * sizeof(TokenId), "a round's drafts");
  return guarded(device, error, [&] {
    const sampling::RoundOutcome made = device->judge(judged, rows, logits->device_values, logits->stride);
    *outcome = {made.accepted, made.token, {}, float(made.draft_ms), float(made.verify_ms)};
    std::copy(made.draft.begin(), made.draft.end(), outcome->draft);
  });
}

const ragdraft_cuda_api api = {RAGDRAFT_CUDA_ABI, sizeof(ragdraft_cuda_api), RAGDRAFT_CUDA_ARCHS,
                               device_count, device_info,
                               open_device, close_device, memory_info,
                               allocate, release, copy, zero, upload, download, wait,
                               packed_size, pack,
                               next_pass, upload_pass,
                               begin_recording, end_recording, drop_recording, replay, release_graph,
                               embed, gather_wanted, linear, rope_angles, rope_append, attention, attention_scratch,
                               begin_round, draft, judge};

}  // namespace

RAGDRAFT_EXPORT const ragdraft_cuda_api* ragdraft_cuda_get_api(uint32_t abi) { return abi == RAGDRAFT_CUDA_ABI ? &api : nullptr; }
