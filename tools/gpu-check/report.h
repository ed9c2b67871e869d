// What was measured: a line of text on stdout and a line of JSON in a file for every figure, as soon as it is known.
#pragma once
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.h"
#include "shapes.h"

namespace ragdraft::gpu_check {

struct Row {
  std::string model = {}, metric = {};  // metric: "decode", "draft", "verify", "prefill", "kernel"
  int rows = 0, depth = 0;
  std::string weights = {}, kv = {}, setting = {};
  double ms = 0;
  int runs = 0;
  double limit_ms = 0, gbps = 0, gops = 0;  // 0: not said
};

class Report {
 public:
  // json: lines are appended to this file; "": to none. out: for lines of text.
  explicit Report(std::string json, std::FILE* out = stdout) : json_(std::move(json)), out_(out) {}

  void set_device(const std::string& gpu, double memory_gib, const Peaks& peaks);
  void add(const Row& row);
  void skip(const std::string& what, const std::string& why);
  // Something that must hold: "ok - ..." or "not ok - ...".
  void check(const std::string& what, const std::string& found, const std::string& wanted);

  const Peaks& peaks() const { return peaks_; }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<std::string>& skipped() const { return skipped_; }
  int failed() const { return failed_; }

 private:
  // Throws kFileWrite.
  void write(const std::string& text, const std::string& json);

  const std::string json_;
  std::FILE* const out_;
  Peaks peaks_;
  std::vector<Row> rows_;
  std::vector<std::string> skipped_;
  int failed_ = 0;
};

// Runs measure(). What does not fit into the memory or is not implemented for such weights is reported as skipped.
template <class Measure>
void tried(const std::string& what, Report& report, const Measure& measure) {
  try {
    measure();
  } catch (const Error& e) {
    if (e.code() != Code::kOutOfMemory && e.code() != Code::kUnsupportedModel) throw;
    report.skip(what, e.what());
  }
}

}  // namespace ragdraft::gpu_check
