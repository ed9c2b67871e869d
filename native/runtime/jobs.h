// The requests. Each is told where to report by callbacks, which run on the engine thread.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/engine.h"
#include "runtime/session.h"
#include "io/gguf/gguf.h"
#include "kv/selection.h"
#include "model/load.h"
#include "decoding/decoder.h"

namespace ragdraft::runtime {

// Called exactly once a job, on the engine thread (on the submitting thread if the engine has stopped). error: null on success,
// valid during the call; `result` is empty beside an error unless said otherwise.
template <class T>
using Done = std::function<void(const Error* error, T result)>;

using GgufPtr = std::shared_ptr<const io::GgufFile>;
// Opens and checks a file, weights untouched. Fails with what GgufFile::open throws.
std::shared_ptr<Job> read_gguf_job(std::string path, Done<GgufPtr> done);

using Progress = std::function<void(int64_t processed, int64_t total)>;
// Called once, on the engine thread: opening a device takes long.
using MakeBackend = std::function<std::shared_ptr<ops::Backend>()>;
// Progress in bytes of weights. Fails with what make_backend and model::ModelLoader throw.
std::shared_ptr<Job> load_model_job(std::string path, MakeBackend make_backend, const model::LoadOptions& options, Progress progress,
                                    Done<std::shared_ptr<Model>> done);

// Appends `tokens` (0 or more) in passes of Transformer::kMaxRows, a pass a slice; progress in tokens of this job. An abort keeps
// what whole passes wrote. Throws kBusy, kContextOverflow.
std::shared_ptr<Job> prefill_job(std::shared_ptr<Session> session, std::vector<TokenId> tokens, Progress progress, Done<std::monostate> done);

inline constexpr int kMaxEvaluatedRows = 64;  // 40 MB of logits at 150,000 tokens
// Appends `tokens` (1..Transformer::kMaxRows) in one pass; result: the logits of the last `rows` (0..kMaxEvaluatedRows) of them,
// [rows, vocab].
// Throws kBusy, kContextOverflow, kInvalidArgument.
std::shared_ptr<Job> evaluate_job(std::shared_ptr<Session> session, std::vector<TokenId> tokens, int rows, Done<std::vector<float>> done);

// The target's model as its drafter, in the target's cache.
struct SharedDrafter {
  ops::Precision precision;
  kv::Selection selection;  // what it reads of the cache
};
struct GenerateRequest {
  std::shared_ptr<Session> target, drafter;  // null where the mode does not use it
  std::optional<SharedDrafter> shared;       // instead of `drafter`, or beside it where draft lengths are automatic; kLossless alone
  std::vector<TokenId> target_pending, drafter_pending;  // >= 1 token of each prompt that is used, see decoding::Decoder
  decoding::DecodeParams params;
};
struct Generated {
  decoding::DecodeStats stats;
  decoding::Finish finish = decoding::Finish::kNone;
  decoding::CostModel costs;  // as they were at the end
  bool guest = false;     // a shared drafter drafted beside another one
};
// Answers from forks of one sequence with one drafter, in one mode, share what they learn of costs and acceptance.
// Whatever ends it, both sequences hold prompt + committed answer but for the last token (or less of the prompt, when aborted
// before the first round, or where a drafter's was not worth reading). An error comes with the statistics so far. Throws kBusy and what decoding::Decoder throws.
std::shared_ptr<Job> generate_job(GenerateRequest request, std::function<void(std::vector<TokenId>)> on_tokens, Done<Generated> done);

}  // namespace ragdraft::runtime
