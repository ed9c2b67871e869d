#include "runtime/jobs/jobs.h"

namespace ragdraft::runtime {
namespace {

class ReadGguf final : public Job {
 public:
  ReadGguf(std::string path, Done<GgufPtr> done) : path_(std::move(path)), done_(std::move(done)) {}
  bool step() override {
    file_ = io::GgufFile::open(path_);
    return true;
  }
  void finish() override { done_(nullptr, std::move(file_)); }
  void fail(const Error& error) override { done_(&error, nullptr); }

 private:
  std::string path_;
  Done<GgufPtr> done_;
  GgufPtr file_;
};

}  // namespace

std::shared_ptr<Job> read_gguf_job(std::string path, Done<GgufPtr> done) { return std::make_shared<ReadGguf>(std::move(path), std::move(done)); }

}  // namespace ragdraft::runtime
