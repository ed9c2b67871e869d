// A device in use, inside the module: its stream, the pinned memory that uploads and downloads pass through, and the pass.
#pragma once
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ops/cuda/gpu.h"
#include "ops/cuda/kernels/attention/attention.h"
#include "ops/cuda/kernels/linear/linear.h"
#include "ops/cuda/kernels/round/judge.h"
#include "ops/cuda/kernels/pass.h"

namespace ragdraft::ops::cuda {

// Memory of the device or pinned memory of the host, for as long as the object lives.
template <class T, void* (*allocate)(size_t), void (*release)(void*) noexcept>
class Owned {
 public:
  explicit Owned(size_t bytes) : data_(static_cast<T*>(allocate(bytes))) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { release(data_); }
  T* get() const { return data_; }

 private:
  T* const data_;
};
template <class T>
using Pinned = Owned<T, gpu::allocate_host, gpu::release_host>;
template <class T>
using OnDevice = Owned<T, gpu::allocate, gpu::release>;

// Memory that work on the stream uses in passing, each piece of work the same bytes. A piece never moves and is never given back before
// the device is closed, because graphs were captured with its address: who needs more gets a piece beside it, at least twice as large,
// so that all of them together are at most twice the last one.
class Scratch {
 public:
  // At least `bytes`, zeros when taken. Allocates where no work before needed so much: not while a graph is being captured.
  void* take(gpu::Stream& stream, size_t bytes);

 private:
  std::vector<std::unique_ptr<OnDevice<std::byte>>> pieces_;  // ascending
  size_t bytes_ = 0;                                          // of the last one
};

// Not thread-safe: module.cu holds `mutex` over every call.
class Device {
 public:
  explicit Device(int index);

  void* allocate(size_t bytes);  // zeroed
  void upload(void* to, const void* from, size_t bytes);
  void download(void* to, const void* from, size_t bytes);

  // A host's copy of the pass, free to be filled: what was uploaded of it before has been read. The host goes one pass ahead of the device,
  // so that who ends it waits for no more; ahead: as many as a round has.
  Pass* next_pass(bool ahead);
  void upload_pass(int pages);
  const Pass* pass() const { return device_pass_.get(); }

  // Rows of `into` from the host's memory, a run of ops::cuda::pack().
  void pack(const DeviceMatrix& into, int64_t first_row, int64_t rows, const void* from);
  // Any number of products of any types: the inputs are made once for each form that the weights ask for.
  void linear(const Product* products, int count, const RowSource& source, int rows, bool draft);
  void attention(const AttentionShape& shape, const float* q, float* out);

  // Rounds, see sampling/rounds.h.
  const TokenId* drafts() const { return round_.get()->result.draft; }
  void begin_round(const sampling::RoundRules& rules, Position position);
  void draft(int i, const float* logits);
  sampling::RoundOutcome judge(int judged, int rows, const float* logits, int64_t stride);

  const int index;
  std::mutex mutex;
  std::string failure;  // what the device reported first; nothing is asked of it any more
  gpu::Stream stream;

  // Operations over the pass go here: to the stream, or into what is being recorded. Other work always goes to the stream, on whatever
  // thread it is asked for.
  gpu::Stream& work() { return recording_ ? recorder_ : stream; }
  void begin_recording();
  gpu::Graph end_recording();

 private:
  static constexpr size_t kStagingBytes = size_t{8} << 20;  // a millisecond of copying: far more than starting a copy costs
  // One half is filled while the other is on its way.
  struct Staging {
    Pinned<std::byte> memory{kStagingBytes};
    gpu::Event read;
  };
  Staging staging_[2];
  int next_staging_ = 0;
  struct HostPass {
    Pinned<Pass> memory{sizeof(Pass)};
    gpu::Event read;
  };
  HostPass host_pass_;
  std::vector<std::unique_ptr<HostPass>> passes_ahead_;  // made when they are needed, taken in turn
  size_t next_ahead_ = 0;
  HostPass* filling_ = nullptr;
  OnDevice<Pass> device_pass_{sizeof(Pass)};
  gpu::Stream recorder_;
  bool recording_ = false;
  Scratch products_;   // inputs of products; rows that are being packed
  Scratch attention_;  // finds its own zeros there, see attention.h

  sampling::RoundRules rules_;
  Pinned<Round> host_round_{sizeof(Round)};
  OnDevice<Round> round_{sizeof(Round)};
  Pinned<RoundResult> host_result_{sizeof(RoundResult)};
  gpu::Event round_read_, round_begun_, drafted_, judged_;
  float* q_rows_ = nullptr;       // [kRoundRows, valid], in round_memory_
  void* round_sums_ = nullptr;    // scratch of draft() and judge()
  Scratch round_memory_;
};

// Scratch memory of products with such a matrix.
size_t linear_scratch_bytes(formats::DType type, int64_t columns);

}  // namespace ragdraft::ops::cuda
