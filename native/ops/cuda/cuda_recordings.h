// Passes of a model as graphs: of each shape the sequence of launches, which is replayed with what the pass in device memory says.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "ops/backend.h"
#include "ops/cuda/device_memory.h"

namespace ragdraft::ops::cuda {

// All that decides which kernels a pass launches, on which grids.
struct PassShape {
  int rows, spans, wanted;
  Precision precision;
  kv::KvType kv;
  int most_keys;  // context_bucket()
  bool operator==(const PassShape&) const = default;
};

// Logits of a pass in device memory.
struct MadeLogits {
  float* values = nullptr;  // [rows, vocabulary]
  int64_t vocabulary = 0;
};

class CudaRecordings final : public Recordings {
 public:
  explicit CudaRecordings(std::shared_ptr<const OpenDevice> device) : device_(std::move(device)) {}

  // Throws kInternal for what another backend has made.
  static CudaRecordings& of(Recordings& recordings) {
    auto* own = dynamic_cast<CudaRecordings*>(&recordings);
    check(own != nullptr, Code::kInternal, "recordings of another backend");
    return *own;
  }

  struct Release {
    const OpenDevice* device;
    void operator()(ragdraft_cuda_graph* graph) const { device->api.release_graph(device->handle, graph); }
  };
  struct Recording {
    PassShape shape;
    bool ran = false;  // once, without being recorded: all memory that it needs has been taken
    std::unique_ptr<ragdraft_cuda_graph, Release> graph;
    MadeLogits logits;
    uint64_t last_use = 0;
  };
  // Of this shape, found or new. Valid until the next call.
  Recording& find(const PassShape& shape);

 private:
  // Rows of a draft or verify times contexts times precisions: more than one answer uses.
  static constexpr size_t kMost = 64;

  const std::shared_ptr<const OpenDevice> device_;
  std::vector<Recording> recordings_;
  uint64_t uses_ = 0;
};

}  // namespace ragdraft::ops::cuda
