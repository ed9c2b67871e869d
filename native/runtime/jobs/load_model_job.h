// Loads a model: opens the file, packs the weights, a piece a slice.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "model/load.h"
#include "runtime/engine.h"
#include "runtime/jobs/callbacks.h"
#include "runtime/model_sequence.h"

namespace ragdraft::runtime {

// Called once, on the engine thread: opening a device takes long.
using MakeBackend = std::function<std::shared_ptr<ops::Backend>()>;
// Progress in bytes of weights. Fails with what make_backend and model::ModelLoader throw.
std::shared_ptr<Job> load_model_job(std::string path, MakeBackend make_backend, const model::LoadOptions& options, Progress progress,
                                    Done<std::shared_ptr<Model>> done);

}  // namespace ragdraft::runtime
