#include "table.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "derived.h"
#include "goals.h"
#include "random_matrix.h"
#include "shapes.h"

namespace ragdraft::gpu_check {
namespace {

constexpr int kRoundRows = 11;

// A line of the table: what is the same at all depths.
using Line = std::tuple<std::string, std::string, std::string, int, std::string, std::string>;  // metric, weights, KV, rows, setting, model
using Cells = std::map<int, const Row*>;  // by depth

// Bare passes of 1 or 11 rows and rounds of none or 10 drafts, in the order in which they were first seen.
bool is_shown(const Row& row) {
  if (row.metric == "round") return row.rows == 1 || row.rows == kRoundRows;
  return row.setting.empty() && (row.metric == "decode" || row.metric == "draft" || (row.metric == "verify" && row.rows == kRoundRows));
}

std::string kind_of(const Row& row) {
  char text[80];
  if (row.metric == "verify") std::snprintf(text, sizeof text, "verify(%d)", row.rows);
  else if (row.metric == "round" && row.rows == 1) std::snprintf(text, sizeof text, "round, no drafts");
  else if (row.metric == "round") std::snprintf(text, sizeof text, "round, %d by %s", row.rows - 1, row.setting.c_str());
  else return row.metric;
  return text;
}

const DerivedPass* derived_of(const Row& row) {
  if (row.model != kDerivedModel || !row.setting.empty()) return nullptr;
  for (const DerivedPass& pass : kDerivedPasses)
    if (row.metric == pass.metric && row.weights == pass.weights && row.kv == pass.kv) return &pass;
  return nullptr;
}

void print_passes(const std::vector<Row>& rows, std::FILE* out) {
  std::vector<Line> order;
  std::map<Line, Cells> lines;
  std::set<int> depths;
  for (const Row& row : rows) {
    if (!is_shown(row)) continue;
    const Line line(row.metric, row.weights, row.kv, row.rows, row.setting, row.model);
    if (!lines.count(line)) order.push_back(line);
    lines[line][row.depth] = &row;
    depths.insert(row.depth);
  }
  if (order.empty()) return;
  std::fprintf(out, "\n%-72s", "ms / the least by this card's peaks, behind");
  for (const int depth : depths) std::fprintf(out, "%18d", depth);
  std::fprintf(out, "\n");
  for (const Line& line : order) {
    const Cells& cells = lines[line];
    const Row& any = *cells.begin()->second;
    const std::string name = any.model + " " + any.weights + ", " + any.kv + " KV, " + kind_of(any);
    std::fprintf(out, "%-72s", name.c_str());
    for (const int depth : depths) {
      const auto cell = cells.find(depth);
      if (cell == cells.end()) std::fprintf(out, "%18s", "");
      else std::fprintf(out, "%9.3f / %6.3f", cell->second->ms, cell->second->limit_ms);
    }
    std::fprintf(out, "\n");
    const DerivedPass* const derived = derived_of(any);
    if (derived == nullptr) continue;
    std::fprintf(out, "%-72s", "  derived for an H200");
    for (const int depth : depths) {
      const auto* const known = std::find(std::begin(kDerivedDepths), std::end(kDerivedDepths), depth);
      if (known == std::end(kDerivedDepths)) std::fprintf(out, "%18s", "");
      else std::fprintf(out, "%9s   %6.2f", "", derived->ms[known - std::begin(kDerivedDepths)]);
    }
    std::fprintf(out, "\n");
  }
}

// The kernels of a pass, as they were measured one by one.
class Account {
 public:
  Account(const std::vector<Row>& rows, const Row& pass) : rows_(rows), pass_(pass) {
    const int layers = shape_of(pass.model).layers;
    const std::string form = testing::is_integer(weight_type(pass.weights)) ? ", bytes" : ", bf16";
    for (const char* product : {"q, k, v", "attention output", "gate, up", "down"}) add(products, layers, std::string("linear: ") + product, pass.weights);
    add(products, 1, "linear: logits", pass.weights);
    add(attention, layers, "attention", "", pass.kv, pass.depth);
    for (const auto& [count, of] : {std::pair(2 * layers + 1, "norm"), {layers, "plain"}, {layers, "swiglu"}}) add(inputs, count, std::string("inputs: ") + of + form);
    add(rotation, layers, "rope: append", "", pass.kv);
    add(rotation, 1, "rope: angles");
  }
  bool complete() const { return complete_; }
  double sum() const { return products + attention + inputs + rotation; }
  double products = 0, attention = 0, inputs = 0, rotation = 0;  // milliseconds

 private:
  void add(double& part, int count, const std::string& setting, const std::string& weights = "", const std::string& kv = "", int depth = 0) {
    for (const Row& row : rows_of(rows_, pass_.model, "kernel", weights, kv, setting, depth)) {
      if (row.rows != pass_.rows) continue;
      part += count * row.ms;
      return;
    }
    complete_ = false;
  }
  const std::vector<Row>& rows_;
  const Row& pass_;
  bool complete_ = true;
};

// Of decodes and verifies all of whose kernels were measured. What is left is launches that wait for each other.
void print_accounts(const std::vector<Row>& rows, std::FILE* out) {
  bool begun = false;
  for (const Row& row : rows) {
    if (!row.setting.empty() || !is_shown(row) || (row.metric != "decode" && row.metric != "verify")) continue;
    const Account account(rows, row);
    if (!account.complete()) continue;
    if (!begun) std::fprintf(out, "\n%-72s%12s%12s%12s%12s%12s%12s\n", "ms of kernels by themselves", "products", "attention", "inputs", "rotation", "together", "pass");
    begun = true;
    const std::string name = row.model + " " + row.weights + ", " + row.kv + " KV, " + kind_of(row) + " behind " + std::to_string(row.depth);
    std::fprintf(out, "%-72s%12.3f%12.3f%12.3f%12.3f%12.3f%12.3f\n", name.c_str(), account.products, account.attention, account.inputs,
                 account.rotation, account.sum(), row.ms);
  }
}

// Of every model, types and drafter with rounds of several lengths, behind the longest context.
void print_speedups(const std::vector<Row>& rows, std::FILE* out) {
  std::vector<const Row*> drafters;
  for (const Row& row : rows) {
    if (row.metric != "round" || row.rows == 1) continue;
    const auto same = [&](const Row* r) { return r->model == row.model && r->weights == row.weights && r->kv == row.kv && r->setting == row.setting; };
    const auto found = std::find_if(drafters.begin(), drafters.end(), same);
    if (found == drafters.end()) drafters.push_back(&row);
    else if ((*found)->depth < row.depth) *found = &row;
  }
  if (drafters.empty()) return;
  std::fprintf(out, "\n%-72s", "times faster than plain steps (drafts), by acceptance");
  for (const double acceptance : kAcceptances) std::fprintf(out, "%18.2f", acceptance);
  std::fprintf(out, "\n");
  for (const Row* row : drafters) {
    const auto plain = rows_of(rows, row->model, "round", row->weights, row->kv, "", row->depth);
    if (plain.empty()) continue;
    const auto rounds = rows_of(rows, row->model, "round", row->weights, row->kv, row->setting, row->depth);
    if (rounds.size() < 2) continue;
    const std::string name = row->model + " " + row->weights + ", " + row->kv + " KV, by " + row->setting + ", behind " + std::to_string(row->depth);
    std::fprintf(out, "%-72s", name.c_str());
    for (const double acceptance : kAcceptances) {
      const Speedup speedup = best_speedup(acceptance, plain[0].ms, rounds);
      std::fprintf(out, "%13.2f (%2d)", speedup.times, speedup.drafts);
    }
    std::fprintf(out, "\n");
    for (const DerivedSpeedup& derived : kDerivedSpeedups) {
      const bool own = std::strcmp(derived.plain_weights, derived.weights) == 0;  // faster than its own plain steps
      if (!own || row->model != kDerivedModel || row->depth != kDerivedDepths[std::size(kDerivedDepths) - 1]) continue;
      if (row->weights != derived.weights || row->kv != derived.kv || row->setting != derived.drafter) continue;
      std::fprintf(out, "%-72s", "  derived for an H200");
      for (const double times : derived.times) std::fprintf(out, "%13.2f     ", times);
      std::fprintf(out, "\n");
    }
  }
}

}  // namespace

void print_table(const std::vector<Row>& rows, std::FILE* out) {
  print_passes(rows, out);
  print_accounts(rows, out);
  print_speedups(rows, out);
  std::fprintf(out, "\n");
  std::fflush(out);
}

}  // namespace ragdraft::gpu_check
