// Opens and checks a GGUF file, weights untouched.
#pragma once
#include <memory>
#include <string>

#include "io/gguf/gguf.h"
#include "runtime/engine.h"
#include "runtime/jobs/callbacks.h"

namespace ragdraft::runtime {

using GgufPtr = std::shared_ptr<const io::GgufFile>;
// Fails with what GgufFile::open throws.
std::shared_ptr<Job> read_gguf_job(std::string path, Done<GgufPtr> done);

}  // namespace ragdraft::runtime
