// GenerateRequest and NativeStats of lib/runtime/binding.ts.
#pragma once
#include <napi.h>

#include "runtime/jobs/jobs.h"

namespace ragdraft::addon {

runtime::GenerateRequest generate_request(const Napi::Value& value);  // throws ERR_INVALID_ARGUMENT, ERR_CLOSED
Napi::Object stats_object(Napi::Env env, const runtime::Generated& result);

}  // namespace ragdraft::addon
