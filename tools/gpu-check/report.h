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
  double apart_ms = 0;  // of a round with drafts: its draft steps and its verify, each measured by itself; else 0
};

// A goal, or something that must hold.
struct Check {
  std::string what, found, wanted;
  bool ok;
};

struct Machine {
  std::string gpu = {}, cpu = {};
  int cores = 0;
  double memory_gib = 0;  // of the GPU
};

// What a measurement tells as it goes on.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void set_machine(const Machine& machine) = 0;
  virtual void set_peaks(const Peaks& peaks) = 0;
  virtual void add(const Row& row) = 0;
  virtual void skip(const std::string& what, const std::string& why) = 0;
  virtual void check(const Check& check) = 0;
  virtual const Peaks& peaks() const = 0;
};

class Report final : public Listener {
 public:
  // json: "" writes no file. out: for lines.
  Report(std::string json, std::string commit, std::FILE* out = stdout) : json_(std::move(json)), commit_(std::move(commit)), out_(out) {}

  void set_machine(const Machine& machine) override { machine_ = machine; }
  void set_peaks(const Peaks& peaks) override;
  void add(const Row& row) override;
  void skip(const std::string& what, const std::string& why) override;
  void check(const Check& check) override;

  const Peaks& peaks() const override { return peaks_; }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<Check>& checks() const { return checks_; }
  const Machine& machine() const { return machine_; }
  int failed() const;
  // The goals, then "N passed, N failed" of what must hold.
  void print_end(const std::vector<Check>& goals);
  std::string to_json() const;

 private:
  void write() const;

  const std::string json_, commit_;
  std::FILE* const out_;
  Machine machine_;
  Peaks peaks_;
  std::vector<Row> rows_;
  std::vector<Check> checks_, goals_;
  std::vector<std::string> skipped_;
};

}  // namespace ragdraft::gpu_check
