#include "runtime/jobs/jobs.h"

namespace ragdraft::runtime {
namespace {

class LoadModel final : public Job {
 public:
  LoadModel(std::string path, MakeBackend make_backend, const model::LoadOptions& options, Progress progress,
            Done<std::shared_ptr<Model>> done)
      : path_(std::move(path)), make_backend_(std::move(make_backend)), options_(options), progress_(std::move(progress)), done_(std::move(done)) {}
  bool step() override {
    if (!loader_) {
      loader_ = std::make_unique<model::ModelLoader>(path_, make_backend_(), options_);
    } else {
      loader_->step();
    }
    progress_(loader_->loaded_bytes(), loader_->total_bytes());
    return loader_->done();
  }
  void finish() override { done_(nullptr, loader_->take()); }
  void fail(const Error& error) override {
    loader_ = nullptr;
    done_(&error, nullptr);
  }

 private:
  std::string path_;
  MakeBackend make_backend_;
  model::LoadOptions options_;
  Progress progress_;
  Done<std::shared_ptr<Model>> done_;
  std::unique_ptr<model::ModelLoader> loader_;
};

}  // namespace

std::shared_ptr<Job> load_model_job(std::string path, MakeBackend make_backend, const model::LoadOptions& options, Progress progress,
                                    Done<std::shared_ptr<Model>> done) {
  return std::make_shared<LoadModel>(std::move(path), std::move(make_backend), options, std::move(progress), std::move(done));
}

}  // namespace ragdraft::runtime
