#include "io/gguf/gguf_types.h"

#include "io/gguf/gguf.h"

namespace ragdraft::io {

std::optional<formats::DTypeInfo> tensor_type(uint32_t type_id) noexcept {
  if (formats::is_supported(type_id)) return formats::info(formats::DType(type_id));
#define RAGDRAFT_X(id, name, elements, bytes) \
  if (type_id == id) return formats::DTypeInfo{name, elements, bytes};
  RAGDRAFT_LISTED_TYPES(RAGDRAFT_X)
#undef RAGDRAFT_X
  return std::nullopt;
}

std::string type_name(uint32_t type_id) {
  const auto type = tensor_type(type_id);
  return type ? std::string(type->name) : "type " + std::to_string(type_id);
}

}  // namespace ragdraft::io
