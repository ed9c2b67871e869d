// Packed matrices kept on disk between processes: looked up before packing, written after it. Never the reason that a load fails:
// whatever goes wrong ends in packing, and in what report() says.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/gguf/gguf.h"
#include "ops/backend.h"

namespace ragdraft::model {

// A matrix of a model: rows of a tensor of its file, mostly all.
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
  std::string path;    // file of the weights; empty where there is none
  std::string reason;  // why a file that was there was not used, or could not be written; else empty
};

// A load in three phases, each in steps: look_up() until ready(); take() of every matrix; store() until stored().
class WeightsCache {
 public:
  // Makes the folder if need be. matrices: of the model, in an order of its own. A backend without packed_layout() keeps nothing.
  WeightsCache(const std::string& folder, std::shared_ptr<const io::GgufFile> file, std::vector<MatrixSource> matrices,
               ops::Backend& backend);
  ~WeightsCache();

  bool ready() const;
  void look_up();  // digests at most one tensor

  // Whether take() gives matrices: then the model file's are not read.
  bool in_use() const;
  // The index-th matrix as it was kept, its digest checked; nullptr if it has to be packed. Throws kOutOfMemory.
  std::unique_ptr<ops::Matrix> take(size_t index);

  bool writes() const;  // the matrices are, or were, to be written
  bool stored() const;  // and nothing is left of that
  size_t matrices_stored() const;
  // Writes some MiB. packed: all matrices, the same at each call.
  void store(std::span<const ops::Matrix* const> packed);

  const CacheReport& report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ragdraft::model
