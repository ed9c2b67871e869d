#include "addon/generate_request.h"

#include <limits>
#include <type_traits>

#include "addon/arguments.h"
#include "addon/handles.h"

namespace ragdraft::addon {
namespace {

// Pairs of a first and an end position: whether they make sense is kv::Selection's to say.
std::vector<kv::TokenRange> ranges_argument(const Napi::Value& value, const char* name) {
  const std::vector<TokenId> ends = tokens_argument(value, name);
  if (ends.size() % 2 != 0) throw_invalid(value.Env(), std::string(name) + " must be pairs of positions");
  std::vector<kv::TokenRange> ranges;
  for (size_t i = 0; i < ends.size(); i += 2) ranges.push_back({ends[i], ends[i + 1]});
  return ranges;
}

std::optional<runtime::SelfDrafter> self_drafter_argument(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  const Napi::Object o = object_argument(value, "selfDrafter");
  const ops::Precision precision = precision_argument(o.Get("precision"));
  const std::vector<kv::TokenRange> ranges = ranges_argument(o.Get("ranges"), "ranges");
  const int tail = integer_argument(o.Get("tail"), "tail", 0, std::numeric_limits<int>::max());
  return guarded(value.Env(), [&] { return runtime::SelfDrafter{precision, kv::Selection(ranges, tail)}; });
}

decoding::Mode mode_argument(const Napi::Value& value) {
  const std::string name = string_argument(value, "mode");
  if (name == "plain") return decoding::Mode::kPlain;
  if (name == "rag") return decoding::Mode::kRag;
  if (name == "lossless") return decoding::Mode::kLossless;
  if (name == "exact") return decoding::Mode::kExact;
  if (name == "paper") return decoding::Mode::kPaper;
  throw_invalid(value.Env(), "mode must be 'plain', 'rag', 'lossless', 'exact' or 'paper'");
}

const char* finish_name(decoding::Finish finish) {
  switch (finish) {
    case decoding::Finish::kStop: return "stop";
    case decoding::Finish::kLength: return "length";
    case decoding::Finish::kContext: return "context";
    case decoding::Finish::kNone: break;
  }
  return "none";
}

Napi::Object estimates_object(Napi::Env env, const decoding::DraftPolicy& costs) {
  Napi::Array verify = Napi::Array::New(env, kMaxVerifyRows);
  for (int rows = 1; rows <= kMaxVerifyRows; rows++) verify.Set(uint32_t(rows - 1), costs.verify_ms(rows));
  Napi::Object o = Napi::Object::New(env);
  o.Set("draftStepMs", costs.draft_ms());
  o.Set("verifyMs", verify);
  o.Set("acceptance", costs.acceptance());
  o.Set("ngramAcceptance", costs.ngram_acceptance());
  return o;
}

}  // namespace

runtime::GenerateRequest generate_request(const Napi::Value& value) {
  const Napi::Object o = object_argument(value, "request");
  const auto tokens = [&](const char* name) { return tokens_argument(o.Get(name), name); };
  const auto sequence = [&](const char* name) -> std::shared_ptr<runtime::ModelSequence> {
    const Napi::Value handle = o.Get(name);
    return handle.IsNull() ? nullptr : SequenceHandle::get(handle, name);
  };

  runtime::GenerateRequest r;
  decoding::DecodeParams& p = r.params;
  p.mode = mode_argument(o.Get("mode"));
  r.target = sequence("target");
  r.draft_model = sequence("draftModel");
  r.self_drafter = self_drafter_argument(o.Get("selfDrafter"));
  r.target_pending = tokens("targetPending");
  r.draft_pending = tokens("draftPending");
  for_each_number(p, [&](const char* name, auto& member, auto low, auto high) {
    if constexpr (std::is_same_v<decltype(member), int&>) member = integer_argument(o.Get(name), name, low, high);
    else member = number_argument(o.Get(name), name, low, high);
  });
  p.seed = bigint_argument(o.Get("seed"), "seed");
  p.stop_tokens = tokens("stopTokens");
  p.ngram = boolean_argument(o.Get("ngram"), "ngram");
  p.ngram_source = tokens("ngramSource");
  return r;
}

Napi::Object stats_object(Napi::Env env, const runtime::Generated& result) {
  const decoding::DecodeStats& s = result.stats;
  const auto counts = [&](const auto& values) {
    Napi::Array array = Napi::Array::New(env, values.size());
    for (size_t i = 0; i < values.size(); i++) array.Set(uint32_t(i), double(values[i]));
    return array;
  };
  Napi::Object o = Napi::Object::New(env);
  o.Set("rounds", double(s.rounds));
  o.Set("drafted", double(s.drafted));
  o.Set("accepted", double(s.accepted));
  o.Set("decodeTokens", double(s.decode_tokens));
  o.Set("draftedByPosition", counts(s.drafted_by_position));
  o.Set("acceptedByPosition", counts(s.accepted_by_position));
  const auto rounds = [&](decoding::Source source) { return double(s.rounds_by_source[size_t(source)]); };
  o.Set("roundsOff", rounds(decoding::Source::kNone));
  o.Set("roundsModel", rounds(decoding::Source::kModel));
  o.Set("roundsCascade", rounds(decoding::Source::kCascade));
  o.Set("roundsNgram", rounds(decoding::Source::kNgram));
  o.Set("roundsOnDevice", double(s.rounds_on_device));
  o.Set("ngramProposed", double(s.ngram_proposed));
  o.Set("ngramAccepted", double(s.ngram_accepted));
  // index: of the drafter in the draft policy.
  const auto drafter = [&](bool present, const decoding::DecodeStats::OfDrafter& of, int index) -> Napi::Value {
    if (!present) return env.Null();
    Napi::Object d = Napi::Object::New(env);
    d.Set("rounds", double(of.rounds));
    d.Set("drafted", double(of.drafted));
    d.Set("accepted", double(of.accepted));
    d.Set("stepMs", result.costs.draft_ms_of(index));
    d.Set("acceptance", result.costs.acceptance_of(index));
    return d;
  };
  o.Set("draftModel", drafter(result.draft_model, s.draft_model, result.self_drafter ? 1 : 0));
  o.Set("selfDrafter", drafter(result.self_drafter, s.self_drafter, 0));
  o.Set("readTokens", double(s.read_tokens));
  o.Set("readMs", s.read_ms);
  o.Set("estimates", estimates_object(env, result.costs));
  o.Set("draftMs", s.draft_ms);
  o.Set("verifyMs", s.verify_ms);
  o.Set("finish", finish_name(result.finish));
  return o;
}

}  // namespace ragdraft::addon
