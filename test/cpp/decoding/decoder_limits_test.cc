// Where answers end and what happens when something fails: stop tokens, lengths, full caches, broken models, bad parameters.
#include <limits>

#include "decoder_fixture.h"

using namespace ragdraft;
using namespace fixture;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST("any max_tokens is met exactly, in every mode and for every draft length") {
  for (const Mode mode : {Mode::kPlain, Mode::kRag, Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    for (const int length : kAllLengths) {
      for (const int max_tokens : {1, 2, 3, 5, 17, 18}) {
        const Result result = run(kDrafters[0], greedy(mode, length, max_tokens));
        CHECK(result.finish == Finish::kLength && int(result.answer.size()) == max_tokens);
      }
    }
  }
}

TEST("a stop token ends the answer, is no part of it, and nothing after it is committed") {
  for (const Setup& setup : kDrafters) {
    for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
      const Tokens full = run(setup, greedy(mode, 4)).answer;
      for (const size_t at : {0, 1, 2, 3, 4, 5, 9, 14}) {
        const size_t first = size_t(std::find(full.begin(), full.end(), full[at]) - full.begin());
        for (const int length : kAllLengths) {
          DecodeParams params = greedy(mode, length);
          params.stop_tokens = {39, full[at]};
          if (std::find(full.begin(), full.begin() + long(first), 39) != full.begin() + long(first)) continue;
          const Result result = run(setup, params);
          CHECK(result.finish == Finish::kStop);
          CHECK(result.answer == Tokens(full.begin(), full.begin() + long(first)));
        }
      }
    }
  }
}

TEST("nothing is drafted after a drafted stop token") {
  const Tokens full = run(kDrafters[0], greedy(Mode::kLossless, 16)).answer;
  DecodeParams params = greedy(Mode::kLossless, 16);
  params.stop_tokens = {full[2]};
  const DecodeStats stats = run(kDrafters[0], params).stats;
  CHECK(stats.rounds == 1 && stats.drafted == 3 && stats.accepted == 3 && stats.decode_tokens == 2);
}

TEST("a full target cache ends the answer with kContext after the same tokens, whatever the draft length") {
  for (const Mode mode : {Mode::kPlain, Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    const Tokens full = run(kDrafters[1], greedy(mode, 0)).answer;
    for (const int capacity : {-1, 0, 1, 2, 7, 20}) {  // beyond the prompt
      for (const int length : kAllLengths) {
        Setup setup = kDrafters[1];
        setup.target_max = int(setup.target_prompt.size()) + capacity;
        const Result result = run(setup, greedy(mode, length));
        CHECK(result.finish == Finish::kContext);
        CHECK(result.answer == Tokens(full.begin(), full.begin() + capacity + 1));
      }
    }
  }
}

TEST("a full drafter cache ends modes that need q, while lossless goes on without drafts") {
  const Tokens plain = run(kDrafters[1], greedy(Mode::kPlain, 0)).answer;
  const Tokens exact = run(kDrafters[1], greedy(Mode::kExact, 0)).answer;
  for (const int capacity : {-1, 0, 1, 2, 7, 20}) {
    for (const int length : kAllLengths) {
      Setup setup = kDrafters[1];
      setup.drafter_max = int(setup.drafter_prompt.size()) + capacity;
      const Result lossless = run(setup, greedy(Mode::kLossless, length));
      CHECK(lossless.finish == Finish::kLength && lossless.answer == plain);
      const Result needs_q = run(setup, greedy(Mode::kExact, length));
      CHECK(needs_q.finish == Finish::kContext && needs_q.answer == Tokens(exact.begin(), exact.begin() + capacity + 1));
      CHECK(run(setup, sampled(Mode::kExact, length, 3)).finish == Finish::kContext);
      CHECK(run(setup, sampled(Mode::kPaper, length, 3)).finish == (length == 0 ? Finish::kLength : Finish::kContext));
      CHECK(run(setup, greedy(Mode::kRag, length)).finish == Finish::kContext);
    }
  }
}

TEST("drafts use a cache up to its last token: the last draft takes no place in lossless, but in exact") {
  for (const int capacity : {0, 1, 2}) {
    Setup setup = kDrafters[0];
    setup.drafter_max = int(setup.drafter_prompt.size()) + capacity;
    CHECK(run(setup, greedy(Mode::kLossless, 8)).stats.drafted == capacity + 1);
    CHECK(run(setup, greedy(Mode::kExact, 8)).stats.drafted == capacity);
  }
}

TEST("greedy exact without transfer asks for no q: it is not bound to the drafter's context, nor runs it for length 0") {
  Setup setup = kDrafters[1];
  setup.drafter_max = int(setup.drafter_prompt.size()) + 2;
  DecodeParams params = greedy(Mode::kExact, 0);
  params.transfer = 0;
  CHECK(run(setup, params).drafter_passes == 0);
  params.draft_length = 4;
  CHECK(run(setup, params).finish == Finish::kLength);
}

TEST("a drafter that sat out hundreds of rounds catches up in chunks") {
  const Setup setup = with_drafter(0, 99);
  const Result plain = run(setup, greedy(Mode::kPlain, 0, 6000));
  CHECK(run(setup, greedy(Mode::kLossless, -1, 6000)) == plain);
  CHECK(plain.answer.size() == 6000);
}

TEST("prompts of a thousand pending tokens are prefilled in chunks; a drafter that never drafts is never run") {
  Setup setup = kDrafters[1];
  setup.target_prompt = Tokens(1000, 3);
  setup.drafter_prompt = Tokens(300, 3);
  setup.target_cached = setup.drafter_cached = 0;
  CHECK(run(setup, greedy(Mode::kLossless, 5)) == run(setup, greedy(Mode::kPlain, 0)));
  CHECK(run(setup, greedy(Mode::kLossless, 0)).drafter_passes == 0);
}

TEST("logits without a number are ERR_INTERNAL, from either model, greedy and sampled") {
  for (const bool target_fails : {true, false}) {
    for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
      for (const double temperature : {0.0, 1.0}) {
        table::Model target(kDrafters[1].target, {}), drafter(kDrafters[1].drafter, {});
        (target_fails ? target : drafter).override_row = [](std::vector<float>& row) { row.assign(row.size(), kNan); };
        DecodeParams params = greedy(mode, 2);
        params.sampling.temperature = temperature;
        Decoder decoder(&target, {1, 2}, &drafter, {1, 2}, params);
        CHECK_THROWS(kInternal, decoder.step());
        CHECK(target.cache() == (Tokens{1}) && drafter.cache() == (Tokens{1}));
        CHECK(decoder.finish() == Finish::kNone && decoder.stats().rounds == 0);
      }
    }
  }
}

TEST("a pass that fails half-way leaves the committed state, and the retried round writes the same text") {
  for (const Mode mode : {Mode::kLossless, Mode::kExact, Mode::kPaper}) {
    const DecodeParams params = sampled(mode, 3, 21, 24);
    const Tokens want = run(kDrafters[1], params).answer;
    for (int fail_after = 0; fail_after < 24; fail_after++) {
      table::Model target(kDrafters[1].target, {}), drafter(kDrafters[1].drafter, {});
      (fail_after % 2 ? target : drafter).fail_in_passes = fail_after / 2;
      Decoder decoder(&target, kDrafters[1].target_prompt, &drafter, kDrafters[1].drafter_prompt, params);
      Tokens answer;
      int failures = 0;
      while (decoder.finish() == Finish::kNone && failures < 3) {
        try {
          const auto step = decoder.step();
          answer.insert(answer.end(), step.begin(), step.end());
        } catch (const std::runtime_error&) {
          failures++;
          target.fail_in_passes = drafter.fail_in_passes = -1;
          CHECK(holds(target.cache(), kDrafters[1].target_prompt, answer, 8));
          CHECK(holds(drafter.cache(), kDrafters[1].drafter_prompt, answer, 3));
        }
      }
      CHECK(failures <= 1 && answer == want);
    }
  }
}

TEST("missing models, empty or foreign prompts and parameters out of range are ERR_INVALID_ARGUMENT") {
  table::Model model(Table{}, {}), other(Table{.vocab = 4}, {});
  const DecodeParams fine = greedy(Mode::kLossless, 2);
  const auto make = [&](decoding::LanguageModel* target, Tokens pending, decoding::LanguageModel* drafter, Tokens draft_pending, DecodeParams p) {
    Decoder decoder(target, std::move(pending), drafter, std::move(draft_pending), std::move(p));
  };
  make(&model, {1}, &other, {1}, fine);
  CHECK_THROWS(kInvalidArgument, make(nullptr, {1}, &other, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, nullptr, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {}, &other, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, &other, {}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, &other, {5}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {-1}, &other, {1}, fine));
  CHECK_THROWS(kInvalidArgument, make(&model, {1}, nullptr, {}, greedy(Mode::kRag, 0)));
  for (void (*change)(DecodeParams&) : std::initializer_list<void (*)(DecodeParams&)>{
           [](DecodeParams& p) { p.valid_tokens = 5; }, [](DecodeParams& p) { p.valid_tokens = -1; },
           [](DecodeParams& p) { p.transfer = -1; }, [](DecodeParams& p) { p.transfer = kNan; },
           [](DecodeParams& p) { p.plausibility = 1.1; }, [](DecodeParams& p) { p.plausibility = kNan; },
           [](DecodeParams& p) { p.transfer_temperature = 0; }, [](DecodeParams& p) { p.draft_length = -2; },
           [](DecodeParams& p) { p.draft_length = 17; }, [](DecodeParams& p) { p.max_draft_length = 17; },
           [](DecodeParams& p) { p.max_draft_length = -1; }, [](DecodeParams& p) { p.confidence = -0.1; },
           [](DecodeParams& p) { p.confidence = kNan; }, [](DecodeParams& p) { p.max_tokens = 0; },
           [](DecodeParams& p) { p.stop_tokens = {-1}; }, [](DecodeParams& p) { p.sampling.top_p = 0; },
           [](DecodeParams& p) { p.mode = Mode(5); }}) {
    DecodeParams params = fine;
    change(params);
    CHECK_THROWS(kInvalidArgument, make(&model, {1}, &other, {1}, params));
  }
}
