// What was measured, as bench/report.ts has it: a file of JSON that is whole after every row, lines on stdout.
#pragma once
#include <cstdio>
#include <string>
#include <vector>

#include "shapes.h"

namespace ragdraft::gpu_check {

struct Row {
  std::string model = {}, metric = {};  // metric: "decode", "draft", "verify", "prefill", "round", "kernel"
  int rows = 0, depth = 0;
  std::string weights = {}, kv = {}, setting = {};
  double ms = 0;
  int runs = 0;
  double limit_ms = 0, gbps = 0, gops = 0;  // 0: not said
};

// A goal, or something that must hold.
struct Check {
  std::string what, found, wanted;
  bool ok;
};

struct Machine {
  std::string gpu, cpu;
  int cores = 0;
  double memory_gib = 0;  // of the GPU
};

class Report {
 public:
  // json: "" writes no file. out: for lines.
  Report(std::string json, Machine machine, std::string commit, std::FILE* out = stdout)
      : json_(std::move(json)), machine_(std::move(machine)), commit_(std::move(commit)), out_(out) {}

  void set_peaks(const Peaks& peaks);
  void add(const Row& row);
  void skip(const std::string& what, const std::string& why);
  void check(const Check& check);

  const Peaks& peaks() const { return peaks_; }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<Check>& checks() const { return checks_; }
  const Machine& machine() const { return machine_; }
  int failed() const;
  // The goals, then "N passed, N failed" of what must hold.
  void print_end(const std::vector<Check>& goals);
  std::string to_json() const;

 private:
  void write() const;

  const std::string json_;
  const Machine machine_;
  const std::string commit_;
  std::FILE* const out_;
  Peaks peaks_;
  std::vector<Row> rows_;
  std::vector<Check> checks_, goals_;
  std::vector<std::string> skipped_;
};

}  // namespace ragdraft::gpu_check
