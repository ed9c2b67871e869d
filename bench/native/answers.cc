// Times answers of the decoder's own rounds, in mode lossless, at SIMULATED acceptance rates: passes, policy and costs are real, what the
// drafter says is given. One line of JSON a setting: ms of a token, run by run.
//   ragdraft_answers model=FILE [name=value]...
//     drafter     self-q4 (the upper 4 bits of the weights), self (all of them), in the target's cache as lossless does; or a GGUF file
//     depth, kv   of the target's context, which is made of copies of its first 1,024 tokens unless read=1
//     acceptance  rates; 0: a drafter that is always wrong
//     lengths     fixed draft lengths; auto is always measured, as is plain decoding
//     tokens      of an answer; runs, threads
// Answers of all settings grow side by side, the shortest one's turn being next: all of them see the same weather, whatever neighbours do.
// So do reads of DRAM, which take turns with plain steps: limitMs is what such a step's bytes would take at their rate.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arguments.h"
#include "base/error.h"
#include "runtime/sequence_language_model.h"
#include "given_drafter.h"
#include "model/load.h"
#include "reads.h"
#include "decoding/decoder.h"
#include "team.h"

namespace {

using namespace ragdraft;

constexpr TokenId kLastOfPrompt = 5;
constexpr int kAuto = -1, kPlain = 0;

struct Options {
  std::string model, drafter = "self-q4", kv = "bf16", acceptance = "0,0.6,0.75,0.9,0.95", lengths;
  int threads = 0, runs = 3, depth = 16384, tokens = 128, read = 0;
};

std::vector<double> rates(const std::string& list) {
  std::vector<double> values;
  for (const std::string& part : bench::split(list)) {
    char* end = nullptr;
    values.push_back(std::strtod(part.c_str(), &end));
    check(*end == '\0' && values.back() >= 0 && values.back() <= 1, Code::kInvalidArgument, "a rate is a number from 0 to 1");
  }
  return values;
}

Options parse(int argc, char** argv) {
  Options options;
  const std::map<std::string, int*> counts = {
      {"threads", &options.threads}, {"runs", &options.runs}, {"depth", &options.depth}, {"tokens", &options.tokens}, {"read", &options.read}};
  const std::map<std::string, std::string*> texts = {{"model", &options.model},           {"drafter", &options.drafter}, {"kv", &options.kv},
                                                     {"acceptance", &options.acceptance}, {"lengths", &options.lengths}};
  bench::parse(argc, argv, counts, texts);
  check(!options.model.empty(), Code::kInvalidArgument, "which model?");
  return options;
}

std::shared_ptr<model::Transformer> load(const std::string& path, const std::shared_ptr<ops::Backend>& backend) {
  model::ModelLoader loader(path, backend);
  while (!loader.done()) loader.step();
  return loader.take();
}

const std::atomic<bool> kNeverCancelled{false};

// A context of `depth` tokens, with room for an answer.
std::shared_ptr<runtime::ModelSequence> open(const std::shared_ptr<model::Transformer>& model, const Options& options, int depth) {
  const kv::KvType type = bench::kv_type(options.kv);
  auto sequence = std::make_unique<kv::Sequence>(model->cache(type), depth + options.tokens + kMaxVerifyRows);
  auto session = std::make_shared<runtime::ModelSequence>(model, std::move(sequence), ops::Precision::kFull);
  constexpr int kReadTokens = 1024;
  runtime::SequenceLanguageModel reader(*session, kNeverCancelled);
  const int read = options.read ? depth : std::min(depth, kReadTokens);
  uint32_t state = 1;
  while (session->sequence->length() < read) {
    std::vector<TokenId> tokens(size_t(std::min(model::Transformer::kMaxRows, read - session->sequence->length())));
    for (TokenId& token : tokens) token = TokenId((state = state * 1664525u + 1013904223u) >> 8) % std::min(250, reader.vocab_size());
    reader.forward(tokens, 0, nullptr);
  }
  if (read < depth) session->sequence->repeat(depth);
  return session;
}

// What a drafter reads of the document by default: about 4,096 tokens of chunks, or 1/24 of it where that is more.
int read_by_drafter(int depth) { return std::min(depth, std::max(4096, depth / 24)); }

// Chunks all over the document, of 8 pages each.
kv::Selection chunks(int depth) {
  constexpr int kChunk = 8 * kPageTokens;
  const int count = std::max(1, read_by_drafter(depth) / kChunk), tail = depth - depth % kPageTokens;
  std::vector<kv::TokenRange> ranges;
  for (int i = 0; i < count; i++) {
    const Position begin = Position(int64_t(i) * tail / count);
    ranges.push_back({begin, std::min(begin + kChunk, tail)});
  }
  return kv::Selection(ranges, tail);
}

struct Setting {
  int length;         // kAuto, kPlain or a fixed one
  double acceptance;  // of no meaning for kPlain
};

// The models and their contexts, which answers read and leave as they are.
struct Stage {
  explicit Stage(const Options& options) : backend(ops::make_cpu_backend(options.threads)) {
    target = open(load(options.model, backend), options, options.depth);
    const bool draft_bits = options.drafter == "self-q4";
    check(!draft_bits || target->model->draft_bytes() < target->model->weight_bytes(), Code::kInvalidArgument,
          "the model's weights have no upper 4 bits");
    if (draft_bits || options.drafter == "self") {
      selection = chunks(options.depth);
      precision = draft_bits ? ops::Precision::kDraft : ops::Precision::kFull;
    } else {
      drafter = open(load(options.drafter, backend), options, read_by_drafter(options.depth));
    }
  }

  // What a plain step reads.
  double plain_bytes() const { return double(target->model->weight_bytes()) + double(target->sequence->bytes()); }
  // What a draft step reads, of that.
  double draft_share() const {
    const runtime::ModelSequence& drafting = drafter ? *drafter : *target;
    const int64_t weights = precision == ops::Precision::kDraft ? drafting.model->draft_bytes() : drafting.model->weight_bytes();
    const double left_out = selection ? double(selection->skipped()) / target->sequence->length() : 0;
    const double keys = double(drafting.sequence->bytes()) * (1 - left_out);
    return (double(weights) + keys) / plain_bytes();
  }

  std::shared_ptr<ops::Backend> backend;
  std::shared_ptr<runtime::ModelSequence> target, drafter;  // drafter: where it is another model
  std::optional<kv::Selection> selection;            // where it is the same
  ops::Precision precision = ops::Precision::kFull;
};

// Reads by all threads, a little at a time.
class Reads {
 public:
  explicit Reads(int threads) : threads_(threads), buffer_(kBytes) {
    constexpr int kTries = 5;
    const auto seconds = [&](bench::ReadLoop read) { return bench::best_read_seconds(buffer_, read, threads_, kTries); };
    if (seconds(bench::read_four_streams) < seconds(bench::read_one_stream)) read_ = bench::read_four_streams;
  }
  void step() {
    seconds_ += bench::best_read_seconds(buffer_, read_, threads_, 1);
    steps_++;
  }
  double gbps() const { return double(steps_) * double(buffer_.bytes()) / seconds_ / 1e9; }

 private:
  static constexpr size_t kBytes = size_t(256) << 20;
  const int threads_;
  bench::ReadBuffer buffer_;
  bench::ReadLoop read_ = bench::read_one_stream;
  double seconds_ = 0;
  int steps_ = 0;
};

std::shared_ptr<runtime::ModelSequence> fork(const runtime::ModelSequence& session) {
  return std::make_shared<runtime::ModelSequence>(session.model, session.sequence->fork(), session.precision);
}

// One answer, in caches of its own, as runtime::generate_job would make it where nothing is known of earlier answers.
class Answer {
 public:
  // plain_text: of the whole answer; empty where the setting is plain.
  Answer(const Stage& stage, const Options& options, const Setting& setting, std::span<const TokenId> plain_text)
      : target_(fork(*stage.target)), drafter_(stage.drafter ? fork(*stage.drafter) : nullptr), selection_(stage.selection) {
    const bool drafts = setting.length != kPlain;
    target_model_.emplace(*target_, kNeverCancelled);
    if (drafter_) drafter_model_.emplace(*drafter_, kNeverCancelled);
    else drafter_model_.emplace(*target_, kNeverCancelled, stage.precision, &*selection_);
    given_.emplace(*drafter_model_, plain_text, setting.acceptance, drafter_model_->length());
    decoding::DecodeParams params;
    params.mode = drafts ? decoding::Mode::kLossless : decoding::Mode::kPlain;
    params.draft_length = setting.length;
    params.sampling.temperature = 0;
    params.max_tokens = options.tokens;
    params.ngram = false;
    (drafter_ ? params.draft_model_share : params.self_drafter_share) = stage.draft_share();
    const bool by_model = drafts && drafter_, by_self = drafts && !drafter_;
    decoder_.emplace(&*target_model_, std::vector<TokenId>{kLastOfPrompt}, by_model ? &*given_ : nullptr,
                     by_model ? std::vector<TokenId>{kLastOfPrompt} : std::vector<TokenId>{}, params, by_self ? &*given_ : nullptr);
  }

  bool done() const { return decoder_->finish() != decoding::Finish::kNone; }
  void step() {
    const double start = bench::seconds_now();
    const std::span<const TokenId> tokens = decoder_->step();
    ms_ += 1000 * (bench::seconds_now() - start);
    text_.insert(text_.end(), tokens.begin(), tokens.end());
  }
  const std::vector<TokenId>& text() const { return text_; }
  double ms() const { return ms_; }
  const decoding::DecodeStats& stats() const { return decoder_->stats(); }

 private:
  std::shared_ptr<runtime::ModelSequence> target_, drafter_;
  std::optional<kv::Selection> selection_;
  std::optional<runtime::SequenceLanguageModel> target_model_, drafter_model_;
  std::optional<bench::GivenDrafter> given_;
  std::optional<decoding::Decoder> decoder_;
  std::vector<TokenId> text_;
  double ms_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse(argc, argv);
  std::vector<Setting> settings{{kPlain, 0}};
  for (const double acceptance : rates(options.acceptance)) {
    settings.push_back({kAuto, acceptance});
    if (acceptance == 0) continue;  // a fixed length is an order, however wrong the drafter is
    for (const std::string& length : bench::split(options.lengths)) settings.push_back({bench::positive(length), acceptance});
  }
  const Stage stage(options);
  std::vector<TokenId> plain_text;
  {
    Answer plain(stage, options, settings[0], {});  // a warm-up too
    while (!plain.done()) plain.step();
    plain_text = plain.text();
  }
  Reads reads(stage.backend->threads());
  std::vector<std::vector<double>> ms(settings.size());
  std::vector<decoding::DecodeStats> stats_of(settings.size());
  for (int run = 0; run < options.runs; run++) {
    std::vector<std::unique_ptr<Answer>> answers;
    for (const Setting& setting : settings) answers.push_back(std::make_unique<Answer>(stage, options, setting, plain_text));
    for (;;) {
      Answer* behind = nullptr;
      for (const auto& answer : answers)
        if (!answer->done() && (!behind || answer->text().size() < behind->text().size())) behind = answer.get();
      if (!behind) break;
      behind->step();
      if (behind == answers[0].get()) reads.step();
    }
    for (size_t i = 0; i < settings.size(); i++) {
      check(answers[i]->text() == plain_text, Code::kInternal, "an answer with drafts differs from plain decoding");
      ms[i].push_back(answers[i]->ms() / options.tokens);
      stats_of[i] = answers[i]->stats();
    }
  }
  for (size_t i = 0; i < settings.size(); i++) {
    const decoding::DecodeStats& stats = stats_of[i];
    std::printf("{\"length\":%d,\"acceptance\":%g,\"tokens\":%d,\"rounds\":%lld,\"drafted\":%lld,\"accepted\":%lld,", settings[i].length,
                settings[i].acceptance, options.tokens, (long long)stats.rounds, (long long)stats.drafted, (long long)stats.accepted);
    if (settings[i].length == kPlain) std::printf("\"readGbps\":%.3f,\"limitMs\":%.4f,", reads.gbps(), stage.plain_bytes() / reads.gbps() / 1e6);
    std::printf("\"ms\":[");
    for (size_t run = 0; run < ms[i].size(); run++) std::printf("%s%.4f", run == 0 ? "" : ",", ms[i][run]);
    std::printf("]}\n");
  }
} catch (const ragdraft::Error& error) {
  std::fprintf(stderr, "ragdraft_answers: %s\n", error.what());
  return 2;
}
