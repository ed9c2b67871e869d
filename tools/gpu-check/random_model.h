// A model of random weights, made where it is measured: no file of 16 GB has to be there.
#pragma once
#include <memory>
#include <vector>

#include "model/transformer.h"
#include "formats/dtype.h"

namespace ragdraft::gpu_check {

// Blocks of a type, repeated to the size of the largest matrix: what a kernel multiplies does not change how long it takes, as long as
// it is not all the same.
class WeightPool {
 public:
  WeightPool(formats::DType type, int64_t elements);
  formats::MatrixView matrix(int64_t rows, int64_t columns) const { return {type_, rows, columns, bytes_.data()}; }
  float deviation() const { return deviation_; }  // of an element

 private:
  const formats::DType type_;
  std::vector<std::byte> bytes_;
  float deviation_ = 0;
};

int64_t largest_matrix(const model::Config& config);  // elements

// pool: outlives the model where the backend reads weights in their file, as those of the CPU do. Throws kOutOfMemory, kUnsupportedModel:
// the backend does not multiply weights of this type.
std::shared_ptr<model::Transformer> random_model(const model::Config& config, const WeightPool& pool, std::shared_ptr<ops::Backend> backend);

}  // namespace ragdraft::gpu_check
