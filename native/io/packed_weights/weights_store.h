// A folder of packed weights, shared by all processes of a user. In it:
//   key              the seed of the digests, random, made with the folder
//   <16 hex>.weights a file of packed weights (weights_table.h); its name is a digest of what was packed and how: the same weights under
//                    another path are the same file, changed weights another one
//   <16 hex>.source  the contents of a model file in a certain state (its identity), so that they are digested once
//   *.part           being written
// Files appear complete, under their names, and are never changed: whoever has one mapped keeps it, whatever happens to the name.
// What is damaged is as good as absent. There are no locks: two processes that pack the same weights at once both write them, one wins.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/digest.h"
#include "io/mapped_file.h"
#include "io/packed_weights/weights_table.h"

namespace ragdraft::io {

class WeightsStore {
 public:
  // Makes the folder (0700) and its key where they are absent. Throws kFileWrite, kFileRead.
  explicit WeightsStore(std::string folder);

  const DigestKey& key() const { return key_; }
  std::string weights_path(uint64_t contents) const;

  // The contents noted for a source, or nothing. source: digest of what identifies it.
  std::optional<uint64_t> recall(uint64_t source) const;
  // Notes them; where that cannot be written, nothing.
  void remember(uint64_t source, uint64_t contents) const;

  // The file of these contents was used: it is the last to go.
  void touch(uint64_t contents) const;
  // Deletes the weights that were used longest ago until `keep_bytes` are left at most, never those of `newest`; notes of sources whose
  // weights are gone; unfinished files that nobody has written to for a day.
  void tidy(uint64_t newest, uint64_t keep_bytes) const;

 private:
  std::string folder_;
  DigestKey key_;
};

}  // namespace ragdraft::io
