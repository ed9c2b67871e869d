// Packed matrices that are kept on disk between processes: looked up before packing, written after it. A load never fails because of it:
// whatever goes wrong, the matrices are packed, and report() says why.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/gguf/gguf.h"
#include "ops/backend.h"

namespace ragdraft::model {

// A matrix of a model: some or all rows of a tensor of its file.
struct MatrixSource {
  const io::TensorInfo* tensor;
  formats::MatrixView rows;
  size_t bytes() const { return size_t(rows.rows) * formats::row_bytes(rows.type, rows.columns); }
};

struct CacheReport {
  enum class State {
    kOff,         // not asked for
    kUsed,        // the weights come from `path`
    kStored,      // they were packed, and are in `path` for the next load
    kUnavailable  // they were packed, and could not be kept
  };
  State state = State::kOff;
  std::string path;    // the file of packed weights; empty where there is none
  std::string reason;  // why an existing file was not used, or why none could be written; else empty
};

// A load in three phases, each in steps: look_up() until ready(); take() of every matrix; store() until stored().
class WeightsCache {
 public:
  // Makes the folder if need be. matrices: those of the model, in the order of take(). A backend without packed_layout() keeps nothing.
  WeightsCache(const std::string& folder, std::shared_ptr<const io::GgufFile> file, std::vector<MatrixSource> matrices,
               ops::Backend& backend);
  ~WeightsCache();

  bool ready() const;
  void look_up();  // one step, which digests at most one tensor

  // Whether take() returns matrices: those of the model file are then not read.
  bool in_use() const;
  // The index-th matrix from the disk, after a check of its digest; nullptr if it has to be packed. Throws kOutOfMemory.
  std::unique_ptr<ops::Matrix> take(size_t index);

  bool writes() const;  // whether the matrices had to be written, or have to be
  bool stored() const;  // whether nothing is left to be written
  size_t matrices_stored() const;
  // Writes some MiB. packed: all matrices, the same at each call.
  void store(std::span<const ops::Matrix* const> packed);

  const CacheReport& report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ragdraft::model
