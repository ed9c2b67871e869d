// The CUDA module's one exported symbol: its functions, each of which turns exceptions into a status.
#include "ops/cuda/module.h"

#include <cstdio>
#include <new>

#include "base/error.h"
#include "ops/cuda/device.h"
#include "ops/cuda/kernels/rope.h"
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

namespace {

using namespace ragdraft;
using namespace ragdraft::ops;
using Report = ragdraft_cuda_error;
using Handle = ragdraft_cuda_device;

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
    return failed(e.code() == Code::kOutOfMemory ? RAGDRAFT_CUDA_OUT_OF_MEMORY : RAGDRAFT_CUDA_FAILED, e.what());
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
    gpu::use_device(device->index);
    body();
  });
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
  Report ignored;  // a device that failed can only be dropped
  guarded(device, &ignored, [&] { device->stream.synchronize(); });
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
  Report ignored;
  guarded(device, &ignored, [&] {
    device->stream.synchronize();  // work that was asked for may still use it
  });
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

int next_pass(Handle* device, void** pass, Report* error) {
  return guarded(device, error, [&] { *pass = device->next_pass(); });
}

int upload_pass(Handle* device, int pages, Report* error) {
  return guarded(device, error, [&] { device->upload_pass(pages); });
}

int embed(Handle* device, const ragdraft_cuda_embedding* table, int rows, float* out, Report* error) {
  return guarded(device, error, [&] {
    const auto* data = static_cast<const uint8_t*>(table->device_data);
    cuda::embed(device->stream, device->pass(), {tensor::DType(table->type), table->columns, table->row_bytes, data}, rows, out);
  });
}

int gather_wanted(Handle* device, const float* x, int wanted, int64_t columns, float* out, Report* error) {
  return guarded(device, error, [&] { cuda::gather_wanted(device->stream, device->pass(), x, wanted, columns, out); });
}

cuda::RopeShape shape_of(const ragdraft_cuda_rope* rope) {
  return {rope->device_frequency, rope->pairs, rope->magnitude, rope->interleaved != 0};
}

int rope_angles(Handle* device, const ragdraft_cuda_rope* rope, int rows, float* angles, Report* error) {
  return guarded(device, error, [&] { cuda::rope_angles(device->stream, device->pass(), shape_of(rope), rows, angles); });
}

int rope_append(Handle* device, const ragdraft_cuda_rope* rope, const float* angles, const ragdraft_cuda_kv* kv, int heads, int rows, float* q,
                const float* k, const float* v, Report* error) {
  return guarded(device, error, [&] {
    const kv::KvLayout layout{kv->layers, kv->kv_heads, kv->head_dim, kv::KvType(kv->type), kv::BlockOrder::kTokens};
    cuda::rope_append(device->stream, device->pass(), shape_of(rope), angles, layout.type, cuda::kv_shape(layout, kv->layer), heads, rows, q,
                      k, v);
  });
}

const ragdraft_cuda_api api = {RAGDRAFT_CUDA_ABI, sizeof(ragdraft_cuda_api), RAGDRAFT_CUDA_ARCHS,
                               device_count, device_info,
                               open_device, close_device, memory_info,
                               allocate, release, copy, zero, upload, download,
                               next_pass, upload_pass,
                               embed, gather_wanted, rope_angles, rope_append};

}  // namespace

RAGDRAFT_EXPORT const ragdraft_cuda_api* ragdraft_cuda_get_api(uint32_t abi) { return abi == RAGDRAFT_CUDA_ABI ? &api : nullptr; }
