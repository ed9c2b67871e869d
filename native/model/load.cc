#include "model/load.h"

namespace ragdraft::model {

ModelLoader::ModelLoader(const std::string& path, std::shared_ptr<ops::Backend> backend, const LoadOptions& options)
    : file_(io::GgufFile::open(path)),
      backend_(std::move(backend)),
      config_(read_config(*file_)),
      weights_(file_, config_, *backend_, options) {}

std::shared_ptr<Transformer> ModelLoader::take() {
  backend_->wait();  // a device that failed while it packed fails here
  return std::make_shared<Transformer>(file_, std::move(config_), weights_.take(), backend_);
}

}  // namespace ragdraft::model
