// Models that are split over files: "name-00001-of-00003.gguf", each with split.no, split.count and split.tensors.count.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "io/gguf/metadata.h"

namespace ragdraft::io {

// What a part says about itself.
struct SplitInfo {
  int64_t number = 0;   // split.no, from 0
  int64_t count = 0;    // split.count, at least 2
  int64_t tensors = 0;  // split.tensors.count, of all parts
};

// nullopt for a file that is a whole model (split.count absent, 0 or 1). Throws kInvalidModel for impossible numbers.
std::optional<SplitInfo> split_info(const Metadata& metadata);

// What the name of a part says.
struct SplitName {
  std::string stem;    // path up to "-00001-of-00003.gguf"
  int64_t number = 0;  // from 1
  int64_t count = 0;

  std::string path_of(int64_t part_number) const;  // part_number from 1
};

std::optional<SplitName> parse_split_name(const std::string& path);

}  // namespace ragdraft::io
