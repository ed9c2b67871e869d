#include "report.h"

#include <cctype>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace ragdraft::gpu_check {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + '"';
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

class Object {
 public:
  Object& field(const char* name, const std::string& value) { return raw(name, quoted(value)); }
  Object& field(const char* name, const char* value) { return raw(name, quoted(value)); }
  Object& field(const char* name, double value) { return raw(name, number(value)); }
  Object& raw(const char* name, const std::string& json) {
    if (!text_.empty()) text_ += ',';
    text_ += quoted(name);
    text_ += ':';
    text_ += json;
    return *this;
  }
  std::string end() const { return '{' + text_ + '}'; }

 private:
  std::string text_;
};

template <class Item, class Text>
std::string array(const std::vector<Item>& items, const Text& text) {
  std::string out;
  for (const Item& item : items) out += (out.empty() ? "\n  " : ",\n  ") + text(item);
  return "[" + out + (out.empty() ? "]" : "\n]");
}

// As bench/models.ts names files.
std::string model_name(const Row& row) {
  std::string name = row.weights.empty() ? row.model : row.model + "-" + row.weights;
  for (char& c : name) c = char(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::string json_of(const Row& row) {
  Object o;
  o.field("suite", "gpu").field("engine", "ragdraft").field("model", model_name(row)).field("metric", row.metric);
  o.field("rows", row.rows).field("depth", row.depth).field("kv", row.kv);
  if (!row.setting.empty()) o.field("setting", row.setting);
  o.field("ms", row.ms).field("runs", row.runs);
  if (row.limit_ms > 0) o.field("limitMs", row.limit_ms).field("limitPercent", 100 * row.limit_ms / row.ms);
  if (row.gbps > 0) o.field("gbps", row.gbps);
  if (row.gops > 0) o.field("gops", row.gops);
  if (row.metric == "round") o.field("draftLength", row.rows - 1).field("perSecond", 1000 / row.ms);
  if (row.apart_ms > 0) o.field("apartMs", row.apart_ms);
  return o.end();
}

std::string json_of(const Check& check) {
  return Object().field("what", check.what).field("found", check.found).field("wanted", check.wanted).raw("ok", check.ok ? "true" : "false").end();
}

std::string json_of(const Peaks& peaks) {
  const auto rate = [](double value) { return Object().field("one", value).field("all", value); };
  Object o;
  o.raw("threads", "0").raw("readGbps", rate(peaks.read_gbps).end()).field("copyGbps", peaks.copy_gbps).raw("f32Gops", "null");
  o.raw("bf16Gops", rate(peaks.bf16_gops).field("instruction", "mma.sync.m16n8k16").end()).raw("int8Gops", "null");
  return o.end();
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

}  // namespace

std::string Report::to_json() const {
  Object machine;
  machine.field("gpu", machine_.gpu).field("cpu", machine_.cpu).field("cores", machine_.cores).field("memoryGiB", machine_.memory_gib);
  machine.field("platform", "linux-x64").field("node", "");
  Object o;
  o.raw("machine", machine.end()).field("commit", commit_).field("date", today());
  o.raw("peaks", peaks_.read_gbps > 0 ? json_of(peaks_) : "null");
  o.raw("rows", array(rows_, [](const Row& row) { return json_of(row); }));
  o.raw("checks", array(checks_, [](const Check& check) { return json_of(check); }));
  o.raw("goals", array(goals_, [](const Check& check) { return json_of(check); }));
  o.raw("skipped", array(skipped_, quoted));
  return o.end() + "\n";
}

// Under another name first: who is killed meanwhile leaves the file of before.
void Report::write() const {
  if (json_.empty()) return;
  const std::string part = json_ + ".part";
  std::ofstream(part) << to_json();
  std::error_code error;
  std::filesystem::rename(part, json_, error);
  if (error) throw Error(Code::kFileWrite, "cannot write " + json_ + ": " + error.message());
}

void Report::set_peaks(const Peaks& peaks) {
  peaks_ = peaks;
  std::fprintf(out_, "%s: reads %.0f GB/s, copies %.0f GB/s, bf16 mma.sync %.0f TFLOP/s\n", machine_.gpu.c_str(), peaks.read_gbps, peaks.copy_gbps,
              peaks.bf16_gops / 1000);
  write();
}

void Report::add(const Row& row) {
  rows_.push_back(row);
  const std::string name = model_name(row) + (row.kv.empty() ? "" : ", " + row.kv + " KV");
  std::fprintf(out_, "%-34s %-8s %4d rows  depth %6d  %9.3f ms", name.c_str(), row.metric.c_str(), row.rows, row.depth, row.ms);
  if (row.limit_ms > 0) std::fprintf(out_, "  limit %9.3f ms, %3.0f %%", row.limit_ms, 100 * row.limit_ms / row.ms);
  if (row.gbps > 0) std::fprintf(out_, "  %5.0f GB/s", row.gbps);
  if (row.gops > 0) std::fprintf(out_, "  %6.1f TFLOP/s", row.gops / 1000);
  if (row.metric == "round") std::fprintf(out_, "  %6.1f rounds/s", 1000 / row.ms);
  if (row.apart_ms > 0) std::fprintf(out_, "  passes %.3f ms", row.apart_ms);
  std::fprintf(out_, "%s%s\n", row.setting.empty() ? "" : "  ", row.setting.c_str());
  std::fflush(out_);
  write();
}

void Report::skip(const std::string& what, const std::string& why) {
  skipped_.push_back(what + ": " + why);
  std::fprintf(out_, "skipped: %s\n", skipped_.back().c_str());
  std::fflush(out_);
  write();
}

void Report::check(const Check& check) {
  checks_.push_back(check);
  std::fprintf(out_, "%s: %s: %s, wanted %s\n", check.ok ? "ok" : "NOT OK", check.what.c_str(), check.found.c_str(), check.wanted.c_str());
  std::fflush(out_);
  write();
}

int Report::failed() const {
  int count = 0;
  for (const Check& check : checks_) count += !check.ok;
  return count;
}

void Report::print_end(const std::vector<Check>& goals) {
  goals_ = goals;
  write();
  for (const Check& goal : goals)
    std::fprintf(out_, "%s: %s: %s, wanted %s\n", goal.ok ? "reached" : "missed", goal.what.c_str(), goal.found.c_str(), goal.wanted.c_str());
  std::fprintf(out_, "%d passed, %d failed\n", int(checks_.size()) - failed(), failed());
}

}  // namespace ragdraft::gpu_check
