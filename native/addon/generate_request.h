// GenerateRequest and NativeStats of lib/native/binding.ts.
#pragma once
#include <napi.h>

#include "engine/jobs.h"

namespace ragdraft::addon {

engine::GenerateRequest generate_request(const Napi::Value& value);  // throws ERR_INVALID_ARGUMENT, ERR_CLOSED
Napi::Object stats_object(Napi::Env env, const engine::Generated& result);

}  // namespace ragdraft::addon
