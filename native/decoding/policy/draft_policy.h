// What the next round drafts, and how much: the choice with the most expected tokens per millisecond, from what earlier rounds
// accepted and cost. Plain decoding is a possible answer. One object may serve all answers of a (target, drafter, mode): what one
// answer measured, the next one need not. Deterministic: time comes in as measured durations.
#pragma once
#include <array>
#include <span>

#include "base/types.h"
#include "decoding/policy/ledger.h"
#include "decoding/policy/acceptance_rate.h"
#include "decoding/policy/pass_cost.h"

namespace ragdraft::decoding {

// kNone: a plain step. kModel: the drafter, token by token. kCascade: n-grams that the drafter checks in one pass, then perhaps token by
// token. kNgram: n-grams that the target checks itself.
enum class Source { kNone, kModel, kCascade, kNgram };

// What is possible in the next round.
struct Situation {
  int limit = 0;                   // longest draft of the drafter, 0..16
  bool bonus_needs_draft = false;  // the token after a fully accepted draft costs one more drafter step
  bool looks_ahead = false;        // which is taken in every round, before it is known whether it is needed
  int match = 0, proposed = 0;     // the n-gram proposal: tokens it rests on, and its length 0..16
  int ngram_limit = 0;             // of it, how many the target may check without the drafter
  int unread = 0;                  // tokens that the drafter has to read first: what it sat out, or its prompt
  double draft_share = 1;          // guess, before anything is measured, at what a draft step costs: of a plain step
  double read_ms = 0;              // guess at what the drafter takes for a token of a long text that it reads; 0: nothing is known
  int written = 0;                 // tokens of the answer so far,
  int most_left = 1 << 20;         // and what may follow at most
  const Ledger* ledger = nullptr;  // of the answer: no round is chosen whose failure it, or that of all answers, could not bear; nullptr:
                                   // they can bear all
};

struct Choice {
  Source source = Source::kNone;
  int length = 0;    // of the draft, 0..16. kCascade: a bound; extend() settles it after the drafter's pass
  int proposal = 0;  // n-gram tokens in it: kCascade 1..length - 1 (the pass yields one more), kNgram length
};

// What one round cost and gained.
struct RoundCost {
  int drafted = 0;         // tokens that the target judged, 0..16
  int accepted = 0;        // of these, 0..drafted
  bool by_ngram = false;   // kNgram: they say nothing about the drafter
  int unjudged = 0;        // drafts behind a stop token, which were in the target's pass too
  int draft_steps = 0;     // one-token passes of the drafter; its token after the last draft counts too where the output distribution needs it
  double draft_ms = 0;     // of all draft_steps
  int check_rows = 0;      // of the drafter's pass over an n-gram proposal: its length + 1; 0: there was none
  double check_ms = 0;     // of that pass
  double verify_ms = 0;    // of the one pass over drafted + unjudged + 1 rows
  bool unclear = false;    // passes went on beside the reading of a text: durations say nothing
};

class DraftPolicy {
 public:
  static constexpr int kDrafters = 2;

  // Which of several drafters the next rounds are for, by the time that the rest of the answer should take: what it has to read first
  // is a part of it. candidates: 1..kDrafters situations, always of the same drafters in this order; limit 0: it cannot draft now. All
  // that follows is about the drafter of the last choice, at first candidate 0.
  int choose_drafter(std::span<const Situation> candidates);
  void use_drafter(int index) { active_ = index; }

  Choice choose(const Situation& situation);
  // The same where the caller has fixed the length: only how to draft is open.
  Choice choose_fixed(const Situation& situation, int length) const;
  // After the drafter's pass of a cascade: up to which length, >= drafted, it is worth to draft on token by token.
  int extend(const Situation& situation, int drafted) const;

  void record(const RoundCost& round);
  // After record(): what the round of an automatic length cost or gained, in the answer's ledger and that of all answers.
  void charge(const Situation& situation, const RoundCost& round, Ledger& answer);
  // A drafter read `tokens` of its text, so as to draft later: the session's expense, not the answer's.
  void record_reading(int drafter, int tokens, double ms);
  // What an n-gram proposal was worth, whether or not it was used: compared with what drafter or target wrote there.
  void record_ngram_drafted(int match, int agreed, int judged) { drafter().agrees.record(match, agreed, judged); }
  void record_ngram_written(int match, int agreed, int judged) { target_agrees_.record(match, agreed, judged); }

  // An answer ended after so many tokens: what the next one may come to.
  void record_answer(int tokens);

  // Estimates. Costs are 0 before any measurement.
  double acceptance_of(int drafter) const { return records_[size_t(drafter)].acceptance.mean(); }
  double draft_ms_of(int drafter) const { return records_[size_t(drafter)].draft.ms(1); }  // of one step
  double acceptance(int position) const { return drafter().acceptance.at(position); }  // of draft `position` (0..15) if all before it stood
  double acceptance() const { return drafter().acceptance.mean(); }
  double ngram_acceptance() const { return target_agrees_.mean(); }  // of n-gram tokens, before the target
  double draft_ms() const { return drafter().draft.ms(1); }           // of one step
  double verify_ms(int rows) const { return verify_.ms(rows); }      // 1..17
  double estimated_ms(const RoundCost& round) const;                 // what the round should have taken, undisturbed
  double plain_ms(const Situation& situation) const;                 // a token where nothing is drafted

 private:
  static constexpr int kMinPatience = 16;
  static constexpr int kProbeDraft = 2;  // of a try while drafting is off: cheap, yet it measures acceptance and costs

  // What is known of one drafter.
  struct Record {
    PassCost draft;
    Duration read_ms;  // of a token
    DraftAcceptance acceptance;
    NgramAgreement agrees;
    int samples = 0;                     // rounds with drafts of it
    int busy = 0;                        // such rounds in a row since a length was last explored
    int idle = 0;                        // rounds since it was switched off or last tried again
    int patience = kMinPatience;         // idle rounds before it is tried again,
    int wait = kMinPatience;             // the same for the next try alone
    int probe_length = kProbeDraft;
  };
  Record& drafter() { return records_[size_t(active_)]; }
  const Record& drafter() const { return records_[size_t(active_)]; }

  // Of a draft of i tokens: [i].
  struct Outlook {
    std::array<double, kMaxVerifyRows> reached{}, tokens{}, verify_ms{}, draft_ms{};
    double rate(int length) const;
  };
  Outlook outlook(const Situation& situation) const { return outlook(situation, drafter()); }
  Outlook outlook(const Situation& situation, const Record& of) const;
  Choice by_drafter(const Situation& situation, const Outlook& outlook);
  Choice with_ngram(const Situation& situation, const Outlook& outlook, const Choice& otherwise) const;
  double going_on(const Outlook& outlook, int drafted, int limit, int* best) const;
  int best(const Situation& situation, const Outlook& outlook) const;
  int promising(const Situation& situation, const Outlook& outlook, int best) const;
  bool could_pay(bool bonus_needs_draft) const;
  double agreement(int match) const;
  double step_ms(const Situation& situation, const Record& of) const;
  double catch_up_ms(const Situation& situation, const Record& of) const;
  double tokens_left(const Situation& situation) const;
  bool worth_catching_up(const Situation& situation, const Outlook& outlook, int length) const;
  bool may_read(const Situation& situation, double cost_ms) const;
  double may_lose_ms(const Situation& situation) const;
  double loss_ms(const Situation& situation, int length) const;
  double rows_ms(int length) const;

  PassCost verify_;
  NgramAgreement target_agrees_;
  std::array<Record, kDrafters> records_{};
  int active_ = 0;
  Ledger session_;                     // of all answers, what drafters read included
  double answers_ = 0, answered_ = 0;  // answers that ended, and their tokens
  double rate_ = 0;        // tokens per ms of the best choice without n-grams: what a millisecond is worth
  bool bonus_ = false;     // of the last situation
  double credit_ms_ = 0;   // what tries may still cost
  bool probing_ = false;   // the current round is such a try
};

}  // namespace ragdraft::decoding
