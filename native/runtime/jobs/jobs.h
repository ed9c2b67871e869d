// The requests, one file each. Each is told where to report by callbacks, which run on the engine thread.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "decoding/decoder.h"
#include "io/gguf/gguf.h"
#include "kv/selection.h"
#include "model/load.h"
#include "runtime/engine.h"
#include "runtime/model_sequence.h"

namespace ragdraft::runtime {

// Called exactly once for each job, on the engine thread (on the submitting thread if the engine has stopped). error: null on success, valid
// during the call; `result` is empty where there is an error, unless said otherwise.
template <class T>
using Done = std::function<void(const Error* error, T result)>;
using Progress = std::function<void(int64_t processed, int64_t total)>;

using GgufPtr = std::shared_ptr<const io::GgufFile>;
// Opens and checks a file, weights untouched. Fails with what GgufFile::open throws.
std::shared_ptr<Job> read_gguf_job(std::string path, Done<GgufPtr> done);

// Called once, on the engine thread: opening a device takes long.
using MakeBackend = std::function<std::shared_ptr<ops::Backend>()>;
// Progress in bytes of weights. Fails with what make_backend and model::ModelLoader throw.
std::shared_ptr<Job> load_model_job(std::string path, MakeBackend make_backend, const model::LoadOptions& options, Progress progress,
                                    Done<std::shared_ptr<Model>> done);

// Appends `tokens` (0 or more) in passes of kMaxPassRows, a pass a slice; progress in tokens of this job. An abort keeps what whole passes
// wrote. Throws kBusy, kContextOverflow.
std::shared_ptr<Job> prefill_job(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, Progress progress,
                                 Done<std::monostate> done);

inline constexpr int kMaxEvaluatedRows = 64;  // 40 MB of logits at 150,000 tokens
// Appends `tokens` (1..kMaxPassRows) in one pass; result: the logits of the last `rows` (0..kMaxEvaluatedRows) of them, [rows, vocab].
// Throws kBusy, kContextOverflow, kInvalidArgument.
std::shared_ptr<Job> evaluate_job(std::shared_ptr<ModelSequence> sequence, std::vector<TokenId> tokens, int rows, Done<std::vector<float>> done);

// The target's model as its own drafter, in the target's cache.
struct SelfDrafter {
  ops::Precision precision;
  kv::Selection selection;  // what it reads of the cache
};
struct GenerateRequest {
  std::shared_ptr<ModelSequence> target, draft_model;  // null where the mode does not use it; two sequences
  std::optional<SelfDrafter> self_drafter;             // kLossless alone; with a draft model where draft lengths are automatic
  std::vector<TokenId> target_pending, draft_pending;  // >= 1 token of each prompt that is used, see decoding::Decoder
  decoding::DecodeParams params;
};
struct Generated {
  decoding::DecodeStats stats;
  decoding::Finish finish = decoding::Finish::kNone;
  decoding::DraftPolicy costs;                        // as they were at the end
  bool draft_model = false, self_drafter = false;  // which of them the request had
};
// Writes one answer, a round a slice. Answers from forks of one sequence with the same drafters, in one mode, share what they learn of costs
// and acceptance. Whatever ends it, both sequences hold prompt + committed answer but for the last token (or less of the prompt, when aborted
// before the first round, or where a draft model's was not worth reading). An error comes with the statistics so far. Throws kBusy and what
// decoding::Decoder throws.
std::shared_ptr<Job> generate_job(GenerateRequest request, std::function<void(std::vector<TokenId>)> on_tokens, Done<Generated> done);

}  // namespace ragdraft::runtime
