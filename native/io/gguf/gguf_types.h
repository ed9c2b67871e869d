// The type ids of the GGUF format: values of metadata, and elements of tensors including those that ragdraft does not run.
#pragma once
#include <cstdint>
#include <optional>

#include "formats/dtype.h"

namespace ragdraft::io {

enum class ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// Name and block geometry of a tensor type id; nullopt if we do not know its size.
std::optional<formats::DTypeInfo> tensor_type(uint32_t type_id) noexcept;

}  // namespace ragdraft::io
