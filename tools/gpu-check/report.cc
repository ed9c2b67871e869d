#include "report.h"

#include <cstdarg>
#include <fstream>

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

// A JSON object; empty texts and zeros are left out.
class Object {
 public:
  Object& field(const char* name, const std::string& value) { return value.empty() ? *this : raw(name, quoted(value)); }
  Object& field(const char* name, double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.6g", value);
    return value == 0 ? *this : raw(name, text);
  }
  Object& raw(const char* name, const std::string& json) {
    text_ += (text_.empty() ? "" : ",") + quoted(name) + ":" + json;
    return *this;
  }
  std::string end() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

std::string format(const char* pattern, ...) {
  char text[400];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text, sizeof text, pattern, values);
  va_end(values);
  return text;
}

}  // namespace

void Report::write(const std::string& text, const std::string& json) {
  std::fprintf(out_, "%s\n", text.c_str());
  std::fflush(out_);
  if (json_.empty()) return;
  std::ofstream file(json_, std::ios::app);
  file << json << std::endl;
  if (!file) throw Error(Code::kFileWrite, "cannot write " + json_);
}

void Report::set_device(const std::string& gpu, double memory_gib, const Peaks& peaks) {
  peaks_ = peaks;
  write(format("%s: reads %.0f GB/s, bf16 mma.sync %.0f TFLOP/s", gpu.c_str(), peaks.read_gbps, peaks.bf16_gops / 1000),
        Object().field("gpu", gpu).field("memoryGiB", memory_gib).field("readGbps", peaks.read_gbps).field("bf16Gops", peaks.bf16_gops).end());
}

void Report::add(const Row& row) {
  rows_.push_back(row);
  const std::string name = row.model + (row.weights.empty() ? "" : " " + row.weights) + (row.kv.empty() ? "" : ", " + row.kv + " KV");
  const double percent = 100 * row.limit_ms / row.ms;
  Object json;
  json.field("model", row.model).field("weights", row.weights).field("kv", row.kv).field("metric", row.metric).field("setting", row.setting);
  json.raw("rows", std::to_string(row.rows)).raw("depth", std::to_string(row.depth)).field("ms", row.ms).field("runs", row.runs);
  json.field("limitMs", row.limit_ms).field("limitPercent", percent).field("gbps", row.gbps).field("gops", row.gops);
  write(format("%-30s %-8s %5d rows  depth %6d  %9.3f ms  limit %9.3f ms, %3.0f %%  %5.0f GB/s  %6.1f TFLOP/s  %s", name.c_str(),
               row.metric.c_str(), row.rows, row.depth, row.ms, row.limit_ms, percent, row.gbps, row.gops / 1000, row.setting.c_str()),
        json.end());
}

void Report::skip(const std::string& what, const std::string& why) {
  skipped_.push_back(what + ": " + why);
  write("skipped: " + skipped_.back(), Object().field("skipped", what).field("why", why).end());
}

void Report::check(const std::string& what, const std::string& found, const std::string& wanted) {
  const bool ok = found == wanted;
  failed_ += !ok;
  write((ok ? "ok - " : "not ok - ") + what + ": " + found + (ok ? "" : ", wanted " + wanted),
        Object().field("check", what).field("found", found).raw("ok", ok ? "true" : "false").end());
}

}  // namespace ragdraft::gpu_check
