// The operations a forward pass is made of: the contract that every backend (scalar oracle, CPU, CUDA) implements.
//
// All activations are f32, row-major, dense, in memory of the backend. Contract for every operation: **the result of a row
// depends on that row's inputs alone, bit for bit**: not on the other rows of the call, their number, the number of threads,
// or where a page lies. This is what makes verify(n rows) identical to n decodes and to any chunking of a prefill.
// Operations run on the engine thread (and its pool), in call order, and never throw after validation, with one exception: a backend
// that computes elsewhere throws kDeviceFailed where that failed, then and at every later call, and kOutOfMemory where a pass needs
// scratch memory that is not there. It may come upon a failure only later: where logits are brought and at wait() at the latest.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"
#include "base/types.h"
#include "kv/layout.h"
#include "sampling/rounds.h"
#include "formats/dtype.h"

struct ragdraft_cuda_api;

namespace ragdraft::ops {

// A weight matrix in the backend's own layout: rows = outputs, columns = inputs. Immutable once it is used.
class Matrix {
 public:
  virtual ~Matrix() = default;
  int64_t rows = 0, columns = 0;
  size_t bytes = 0;        // memory that it holds, but for a draft copy
  size_t copy_bytes = 0;   // memory of the draft copy; 0 without
  size_t draft_bytes = 0;  // what a product at Precision::kDraft reads: `bytes`, or less where there is a coarser form
  std::span<const std::byte> image;  // all of it but a draft copy, for Backend::adopt; empty where packed_layout() is ""
};

// Token vectors by token id. Immutable.
class EmbeddingTable {
 public:
  virtual ~EmbeddingTable() = default;
  int64_t rows = 0, columns = 0;
  size_t bytes = 0;  // memory that it holds; 0 where it is read in the file's mapping
};

// How much of the weights a product reads. kDraft: of Q8_0 matrices the upper four bits, q ~ 16 (q + 128 >> 4) - 120.5, the middle of
// the sixteen values that share them: half the bytes, about the error of Q4_0, no memory of its own. Of matrices with a draft copy
// that copy. Others have no cheaper form and are read in full.
enum class Precision : uint8_t { kFull, kDraft };

// The rows x that a product multiplies, [rows, columns]: as they lie in memory, or what a norm or an activation makes of those. A
// backend makes them while it brings its inputs into its own form: such rows never exist as a whole.
struct LinearInput {
  enum class Kind : uint8_t { kPlain, kRmsNorm, kSwiGlu };

  const float* values;            // [rows, columns]
  Kind kind = Kind::kPlain;
  const float* weight = nullptr;  // kRmsNorm: [columns]
  float epsilon = 0;              // kRmsNorm
  const float* up = nullptr;      // kSwiGlu: [rows, columns]

  // x[r, k] = values[r, k] / sqrt(mean_k values[r, k]^2 + epsilon) * weight[k]
  static LinearInput rms_norm(const float* values, const float* weight, float epsilon) {
    return {.values = values, .kind = Kind::kRmsNorm, .weight = weight, .epsilon = epsilon};
  }
  // x[r, k] = silu(gate[r, k]) * up[r, k], silu(v) = v / (1 + exp(-v))
  static LinearInput swiglu(const float* gate, const float* up) { return {.values = gate, .kind = Kind::kSwiGlu, .up = up}; }
};

// One product of a group that shares its input: y[r, :] = W x[r, :] + bias, or += if `accumulate` (residual).
struct LinearTask {
  const Matrix* weight;
  const float* bias;  // [weight->rows] or nullptr
  float* y;           // [rows, weight->rows]
  bool accumulate = false;
};

// What differs from pass to pass, but for the sizes of arrays.
struct Pass {
  std::span<const TokenId> tokens;    // of every row; in a round of Backend::rounds() also unknown_draft()
  std::span<const kv::KvSpan> spans;  // cover all rows, in order
  std::span<const int> wanted;        // rows whose logits are wanted, ascending
  Precision precision = Precision::kFull;
  kv::KvType kv = kv::KvType::kF16;   // of the spans' pages
  float* logits = nullptr;            // [wanted, vocabulary], of the host; nullptr: none are wanted, or they stay (Backend::keeps_logits)
};

// Passes that a backend has recorded, to be replayed: of one caller, whose operations are the same in every pass with as many rows,
// spans and wanted rows and of the same precision and KV type. Holds addresses of its weights and activations: goes before they do.
class Recordings {
 public:
  virtual ~Recordings() = default;
};

// Rotation angles: pair i of a head turns by position * frequency[i].
struct Rope {
  std::vector<double> frequency;  // [rotary_dim / 2], scaling already applied
  float magnitude = 1;            // YaRN's attention factor, multiplies cos and sin
  bool interleaved = false;       // pairs (2i, 2i+1) as Llama GGUFs; else (i, i + rotary_dim/2) as Qwen2's
};

// The GPU that a backend computes on.
struct DeviceDescription {
  int index;
  std::string name;
  uint64_t total_bytes;  // of its memory
};

// What a model will take of Backend::memory(), told before any of it is taken.
struct Demand {
  std::vector<formats::MatrixView> matrices;  // to be packed; nobody looks at their data
  formats::MatrixView embedding;
  size_t other_bytes = 0;    // norms, biases, activations
  bool draft_copy = false;   // of each matrix that it pays for
  kv::KvLayout kv;
  int heads = 0, tokens = 0;  // of queries; of the context that is to fit beside the weights
};

// Throws kUnsupportedModel for an empty matrix, and one whose rows are no whole blocks.
void check_blocks(const formats::MatrixView& source);

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu/avx512", "cuda/sm_90", "ref", ...
  virtual const DeviceDescription* device() const { return nullptr; }  // nullptr: the CPU
  virtual int threads() const { return 1; }
  // Of the types of two bytes, the one that attention() here is fastest on.
  virtual kv::KvType preferred_kv() const { return kv::KvType::kF16; }

  // Throws kInvalidArgument, with the reason, unless attention() can read pages of this layout.
  virtual void check_kv(const kv::KvLayout&) const {}

  // Throws kOutOfMemory, with what is asked for and what is free, where a model cannot fit, and kUnsupportedModel for a matrix that pack()
  // refuses. The host's memory is not asked: the system finds some elsewhere, or says so when it is used up.
  virtual void require_capacity(const Demand&) const {}

  // Where weights, activations and pages lie: every pointer that an operation takes, unless said otherwise.
  virtual const std::shared_ptr<Memory>& memory() const = 0;
  // How this backend's operations lay out the blocks of a page.
  virtual kv::BlockOrder block_order() const { return kv::BlockOrder::kTokens; }

  // Repacks `source` (which may be dropped afterwards). Throws kUnsupportedModel, kOutOfMemory.
  virtual std::unique_ptr<Matrix> pack(const formats::MatrixView& source) = 0;

  // Gives `matrix`, which pack() made of `source`, a copy of 4 bits a weight (ops/draft_copy.h) that products at kDraft read from then
  // on. draft_copy_pays(source) must hold. Throws kOutOfMemory, and leaves the matrix as it was.
  virtual void add_draft_copy(Matrix& matrix, const formats::MatrixView& source) = 0;

  // Names the form of Matrix::image for matrices of this type, 1 to 64 characters: equal names mean that equal sources have equal
  // images, on every machine and in every version. "": there are no images.
  virtual std::string packed_layout(formats::DType) const { return ""; }
  // The matrix that pack(source) makes, without a look at source.data: from its `image`, 64-byte aligned, alive as long as `owner`.
  // nullptr if the image has another size than it should.
  virtual std::unique_ptr<Matrix> adopt(const formats::MatrixView& /*source*/, std::span<const std::byte> /*image*/,
                                        std::shared_ptr<const void> /*owner*/) {
    return nullptr;
  }

  // `source` stays mapped as long as the table lives. Throws kUnsupportedModel, kOutOfMemory.
  virtual std::unique_ptr<EmbeddingTable> load_embedding(const formats::MatrixView& source) = 0;

  // nullptr where nothing is gained by recording.
  virtual std::unique_ptr<Recordings> make_recordings() { return nullptr; }

  // Runs a pass. `operations` calls the operations of the pass, with just these tokens, spans and rows: a backend that computes elsewhere
  // brings those there together. It may be left uncalled where `recordings` has a pass of this shape; nullptr: nothing is recorded. The
  // arrays stay as they are until the pass ends. When it returns pass.logits is written. Throws kContextOverflow, and what operations()
  // does.
  virtual void run(const Pass&, Recordings*, const std::function<void()>& operations) { operations(); }

  // out[r, :] = row tokens[r] of `table`, dequantised. tokens in [0, table.rows).
  virtual void embed(const EmbeddingTable& table, std::span<const TokenId> tokens, float* out) = 0;

  // All tasks share the input; rows >= 1. y never aliases an array of the input.
  virtual void linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision) = 0;

  // Rotates q in place, rotates k, and stores k and v of every span's rows at their positions in layer `layer` of the pages. Angles
  // follow from position + skipped: the row's place in the whole sequence, of which the pages may be a selection.
  // q: [rows, heads * head_dim], or nullptr with heads = 0 where only keys and values are wanted; k, v: [rows, kv_heads * head_dim].
  virtual void rope_append_kv(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, const Rope& rope, int heads,
                              float* q, const float* k, const float* v) = 0;

  // Causal attention of every row over its pages' positions 0..own. Query head h reads kv head h / (heads / kv_heads).
  // out: [rows, heads * head_dim] = softmax(scale * q k) v. Pages hold finite values wherever they were ever written, else zeros.
  virtual void attention(const kv::KvLayout& layout, int layer, std::span<const kv::KvSpan> spans, int heads, float scale, const float* q,
                         float* out) = 0;

  // out[i, :] = x[rows[i], :].  x, out: [.., columns], apart.
  virtual void gather(const float* x, std::span<const int> rows, int columns, float* out);

  // logits[r, :] = W x[r, :] in memory of the host, there when the pass ends. Its last operation, where any are wanted.
  virtual void logits(const Matrix& output, const LinearInput& input, int rows, Precision precision, float* logits);

  // Whether logits may stay where they are computed, up to kMaxVerifyRows rows of a pass.
  virtual bool keeps_logits() const { return false; }

  // nullptr where the host has to see every draft. Needs logits that stay.
  virtual sampling::Rounds* rounds() { return nullptr; }

  // Returns when everything that was asked for is done, packing included: for who must know, as after a pass without logits.
  virtual void wait() {}
};

// Scalar, f64 accumulation, straight from the GGUF formats: the oracle of every other backend.
std::unique_ptr<Backend> make_reference_backend();

// isa: "" = best of this machine (RAGDRAFT_ISA lowers it), else "generic", "avx2", "avx512", "avx512bf16", "amx", "neon".
// threads: 0 = ThreadPool::default_threads(). Throws kInvalidArgument for an isa that is unknown or not available here.
std::unique_ptr<Backend> make_cpu_backend(int threads, const std::string& isa = "");
std::vector<std::string> cpu_isas();  // available here, best first

// api: of the loaded CUDA module (ops/cuda/module.h); outlives the backend. Throws kDeviceFailed, kOutOfMemory.
std::unique_ptr<Backend> make_cuda_backend(const ragdraft_cuda_api& api, int device);

}  // namespace ragdraft::ops
