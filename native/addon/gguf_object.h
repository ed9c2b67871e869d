// A GGUF file's description as a JavaScript object (GgufContents of lib/runtime/binding.ts).
#pragma once
#include <napi.h>

#include "io/gguf/gguf.h"

namespace ragdraft::addon {

Napi::Object gguf_object(Napi::Env env, const io::GgufFile& file);

}  // namespace ragdraft::addon
