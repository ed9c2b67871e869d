#include "io/gguf/gguf_types.h"

#include "io/gguf/gguf.h"

namespace ragdraft::io {
namespace {

struct ForeignType {
  uint32_t id;
  formats::DTypeInfo info;
};

// Types that we cannot run but can size, so that a file that holds one can be listed. Ids that are missing here and in DType
// were withdrawn, or are newer than this table, or only ever hold intermediate results (Q8_1, Q8_K).
constexpr ForeignType kForeignTypes[] = {
    {3, {"Q4_1", 32, 20}},      {7, {"Q5_1", 32, 24}},      {10, {"Q2_K", 256, 84}},  {11, {"Q3_K", 256, 110}},
    {16, {"IQ2_XXS", 256, 66}}, {17, {"IQ2_XS", 256, 74}}, {18, {"IQ3_XXS", 256, 98}}, {19, {"IQ1_S", 256, 50}}, {20, {"IQ4_NL", 32, 18}},
    {21, {"IQ3_S", 256, 110}},  {22, {"IQ2_S", 256, 82}},  {23, {"IQ4_XS", 256, 136}}, {24, {"I8", 1, 1}},       {25, {"I16", 1, 2}},
    {26, {"I32", 1, 4}},        {27, {"I64", 1, 8}},       {28, {"F64", 1, 8}},        {29, {"IQ1_M", 256, 56}}, {34, {"TQ1_0", 256, 54}},
    {35, {"TQ2_0", 256, 66}},   {39, {"MXFP4", 32, 17}},   {40, {"NVFP4", 64, 36}},    {41, {"Q1_0", 128, 18}},
};

}  // namespace

std::optional<formats::DTypeInfo> tensor_type(uint32_t type_id) noexcept {
  if (formats::is_supported(type_id)) return formats::info(formats::DType(type_id));
  for (const ForeignType& type : kForeignTypes) {
    if (type.id == type_id) return type.info;
  }
  return std::nullopt;
}

std::string type_name(uint32_t type_id) {
  const auto type = tensor_type(type_id);
  return type ? std::string(type->name) : "type " + std::to_string(type_id);
}

}  // namespace ragdraft::io
