#include "apart.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/error.h"

namespace ragdraft::gpu_check {
namespace {

constexpr char kFieldEnd = '\x1f', kRecordEnd = '\x1e';

// A record: its kind and its fields.
class Record {
 public:
  explicit Record(const std::string& kind) { text(kind); }
  Record& text(std::string value) {
    for (char& c : value)
      if (c == kFieldEnd || c == kRecordEnd) c = ' ';
    bytes_ += value;
    bytes_ += kFieldEnd;
    return *this;
  }
  Record& number(double value) {
    char out[40];
    std::snprintf(out, sizeof out, "%.17g", value);
    return text(out);
  }
  std::string end() const { return bytes_ + kRecordEnd; }

 private:
  std::string bytes_;
};

class Fields {
 public:
  explicit Fields(const std::string& record) {
    for (size_t at = 0, end; (end = record.find(kFieldEnd, at)) != std::string::npos; at = end + 1) fields_.push_back(record.substr(at, end - at));
  }
  std::string text() { return next_ < fields_.size() ? fields_[next_++] : ""; }
  double number() { return std::strtod(text().c_str(), nullptr); }
  int whole() { return int(number()); }

 private:
  std::vector<std::string> fields_;
  size_t next_ = 0;
};

class Sender final : public Listener {
 public:
  Sender(int pipe, const Peaks& peaks) : pipe_(pipe), peaks_(peaks) {}
  void set_machine(const Machine& m) override { send(Record("machine").text(m.gpu).text(m.cpu).number(m.cores).number(m.memory_gib)); }
  void set_peaks(const Peaks& p) override {
    peaks_ = p;
    send(Record("peaks").number(p.read_gbps).number(p.copy_gbps).number(p.bf16_gops));
  }
  void add(const Row& r) override {
    Record record("row");
    for (const std::string& text : {r.model, r.metric, r.weights, r.kv, r.setting}) record.text(text);
    for (const double value : {double(r.rows), double(r.depth), r.ms, double(r.runs), r.limit_ms, r.gbps, r.gops, r.apart_ms}) record.number(value);
    send(record);
  }
  void skip(const std::string& what, const std::string& why) override { send(Record("skip").text(what).text(why)); }
  void check(const Check& c) override { send(Record("check").text(c.what).text(c.found).text(c.wanted).number(c.ok)); }
  const Peaks& peaks() const override { return peaks_; }

 private:
  void send(const Record& record) {
    const std::string bytes = record.end();
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t count = write(pipe_, bytes.data() + done, bytes.size() - done);
      if (count < 0 && errno != EINTR) _exit(1);  // nobody listens any more
      if (count > 0) done += size_t(count);
    }
  }
  const int pipe_;
  Peaks peaks_;
};

void receive(const std::string& record, Report& report) {
  Fields f(record);
  const std::string kind = f.text();
  if (kind == "machine") {
    Machine m;
    m.gpu = f.text(), m.cpu = f.text(), m.cores = f.whole(), m.memory_gib = f.number();
    report.set_machine(m);
  } else if (kind == "peaks") {
    Peaks p;
    p.read_gbps = f.number(), p.copy_gbps = f.number(), p.bf16_gops = f.number();
    report.set_peaks(p);
  } else if (kind == "row") {
    Row r;
    r.model = f.text(), r.metric = f.text(), r.weights = f.text(), r.kv = f.text(), r.setting = f.text();
    r.rows = f.whole(), r.depth = f.whole(), r.ms = f.number(), r.runs = f.whole(), r.limit_ms = f.number(), r.gbps = f.number(), r.gops = f.number();
    r.apart_ms = f.number();
    report.add(r);
  } else if (kind == "skip") {
    const std::string what = f.text();
    report.skip(what, f.text());
  } else if (kind == "check") {
    Check c{};
    c.what = f.text(), c.found = f.text(), c.wanted = f.text(), c.ok = f.number() != 0;
    report.check(c);
  }
}

[[noreturn]] void be_child(const std::string& name, int pipe, const Peaks& peaks, const std::function<void(Listener&)>& measure) {
  Sender sender(pipe, peaks);
  try {
    measure(sender);
  } catch (const std::exception& e) {
    sender.check({name + ": measuring to the end", e.what(), "no error", false});
  }
  std::fflush(nullptr);
  _exit(0);  // no destructors: a broken device would wait for ever
}

// Until the pipe ends: true, or until the deadline and some seconds more: false.
bool listen(int pipe, const Deadline& last, Report& report) {
  std::string bytes;
  char piece[4096];
  while (!last.over()) {
    pollfd wanted{pipe, POLLIN, 0};
    if (poll(&wanted, 1, 200) <= 0) continue;
    const ssize_t count = ::read(pipe, piece, sizeof piece);
    if (count == 0) return true;
    if (count > 0) bytes.append(piece, size_t(count));
    for (size_t end; (end = bytes.find(kRecordEnd)) != std::string::npos; bytes.erase(0, end + 1)) receive(bytes.substr(0, end), report);
  }
  return false;
}

}  // namespace

void run_apart(const std::string& name, const Deadline& deadline, Report& report, const std::function<void(Listener&)>& measure,
               double grace_seconds) {
  int ends[2];
  check(pipe(ends) == 0, Code::kInternal, "no pipe to a process of its own");
  std::fflush(nullptr);  // else the child would write it again
  const pid_t child = fork();
  check(child >= 0, Code::kInternal, "no process of its own for a measurement");
  if (child == 0) {
    close(ends[0]);
    be_child(name, ends[1], report.peaks(), measure);
  }
  close(ends[1]);
  const bool ended = listen(ends[0], deadline.later(grace_seconds), report);
  close(ends[0]);
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (!ended) report.check({name + ": ending in time", "killed", "an end", false});
  else if (WIFSIGNALED(status)) report.check({name + ": measuring to the end", "signal " + std::to_string(WTERMSIG(status)), "no error", false});
  else if (WEXITSTATUS(status) != 0) report.check({name + ": measuring to the end", "status " + std::to_string(WEXITSTATUS(status)), "no error", false});
}

}  // namespace ragdraft::gpu_check
