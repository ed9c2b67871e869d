// CUDA's runtime as the module uses it: owning types, errors as exceptions. Documented in ops/cuda/gpu.h.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <string>
#include <utility>

#include "base/error.h"

namespace ragdraft::gpu {

inline void require(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // else the next check would report this one again
  const std::string text = std::string(what) + ": " + cudaGetErrorName(status) + " (" + cudaGetErrorString(status) + ")";
  throw Error(status == cudaErrorMemoryAllocation ? Code::kOutOfMemory : Code::kDeviceFailed, text);
}

struct DeviceInfo {
  std::string name;
  int major, minor;           // compute capability
  int multiprocessors;
  size_t total_bytes;
  size_t block_shared_bytes;  // the most dynamic shared memory of a block
};
struct MemoryInfo {
  size_t free, total;
};

inline int device_count() {
  int count = 0;
  require(cudaGetDeviceCount(&count), "counting devices");
  return count;
}
inline DeviceInfo device_info(int device) {
  cudaDeviceProp p;
  require(cudaGetDeviceProperties(&p, device), "device properties");
  return {p.name, p.major, p.minor, p.multiProcessorCount, p.totalGlobalMem, p.sharedMemPerBlockOptin};
}
// Of the calling thread, from now on.
inline void use_device(int device) { require(cudaSetDevice(device), "choosing the device"); }
inline MemoryInfo memory_info() {
  MemoryInfo info{};
  require(cudaMemGetInfo(&info.free, &info.total), "free device memory");
  return info;
}

// Device memory, uninitialised, 256-byte aligned. Not reachable from the host.
inline void* allocate(size_t bytes) {
  void* p = nullptr;
  require(cudaMalloc(&p, bytes), "allocating device memory");
  return p;
}
inline void release(void* p) noexcept { cudaFree(p); }
// Pinned host memory, for copies that do not wait.
inline void* allocate_host(size_t bytes) {
  void* p = nullptr;
  require(cudaHostAlloc(&p, bytes, cudaHostAllocDefault), "allocating pinned memory");
  return p;
}
inline void release_host(void* p) noexcept { cudaFreeHost(p); }

class Stream;

// A captured sequence of launches and copies, to be replayed with the same arguments.
class Graph {
 public:
  explicit Graph(cudaGraphExec_t exec) : exec_(exec) {}
  Graph(Graph&& other) noexcept : exec_(std::exchange(other.exec_, nullptr)) {}
  Graph& operator=(Graph&&) = delete;
  ~Graph() {
    if (exec_ != nullptr) cudaGraphExecDestroy(exec_);
  }
  inline void launch(Stream& stream) const;

 private:
  cudaGraphExec_t exec_;
};

// Work in order. Host memory of a copy must stay as it is until synchronize().
class Stream {
 public:
  Stream() { require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream"); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  cudaStream_t get() const { return stream_; }

  void to_device(void* to, const void* from, size_t bytes) { copy(to, from, bytes, cudaMemcpyHostToDevice); }
  void to_host(void* to, const void* from, size_t bytes) { copy(to, from, bytes, cudaMemcpyDeviceToHost); }
  void on_device(void* to, const void* from, size_t bytes) { copy(to, from, bytes, cudaMemcpyDeviceToDevice); }
  void fill(void* to, int byte, size_t bytes) { require(cudaMemsetAsync(to, byte, bytes, stream_), "filling device memory"); }
  void synchronize() { require(cudaStreamSynchronize(stream_), "running on the device"); }

  // What is given to the stream in between is recorded, not run.
  void begin_capture() { require(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "starting a graph"); }
  Graph end_capture() {
    cudaGraph_t graph = nullptr;
    require(cudaStreamEndCapture(stream_, &graph), "capturing a graph");
    cudaGraphExec_t exec = nullptr;
    const cudaError_t status = cudaGraphInstantiateWithFlags(&exec, graph, 0);
    cudaGraphDestroy(graph);
    require(status, "instantiating a graph");
    return Graph(exec);
  }

 private:
  void copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    require(cudaMemcpyAsync(to, from, bytes, kind, stream_), "copying");
  }
  cudaStream_t stream_ = nullptr;
};

inline void Graph::launch(Stream& stream) const { require(cudaGraphLaunch(exec_, stream.get()), "launching a graph"); }

// A point in a stream's work, with its time.
class Event {
 public:
  Event() { require(cudaEventCreate(&event_), "making an event"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(event_); }
  void record(Stream& stream) { require(cudaEventRecord(event_, stream.get()), "recording an event"); }
  // Until the stream has come here; at once if it was never recorded.
  void wait() { require(cudaEventSynchronize(event_), "waiting for an event"); }
  // Both must have been reached.
  float milliseconds_since(const Event& earlier) const {
    float ms = 0;
    require(cudaEventElapsedTime(&ms, earlier.event_, event_), "reading an event");
    return ms;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

struct Shape {
  dim3 grid, block;
  size_t shared_bytes = 0;  // dynamic
};

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const Shape& shape, Stream& stream, Arguments&&... arguments) {
  constexpr size_t kWithoutAsking = 48 << 10;
  if (shape.shared_bytes > kWithoutAsking) {
    require(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared_bytes)),
            "asking for shared memory");
  }
  kernel<<<shape.grid, shape.block, shape.shared_bytes, stream.get()>>>(static_cast<Parameters>(arguments)...);
  require(cudaGetLastError(), "launching a kernel");
}

}  // namespace ragdraft::gpu
