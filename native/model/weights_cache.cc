#include "model/weights_cache.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "base/error.h"
#include "io/byte_writer.h"
#include "io/packed_weights/weights_file.h"
#include "io/packed_weights/weights_store.h"

namespace ragdraft::model {
namespace {

using State = CacheReport::State;

constexpr uint64_t kKeepBytes = uint64_t(32) << 30;  // of the files of all models; the latest is kept whatever its size

// Whether a later change of the files would show in their times. A file that changed less than one step of its file system's clock ago
// may change again without getting another time.
bool changes_show(const std::vector<io::MappedFile::Identity>& identities) {
  constexpr uint64_t kStep = 2'000'000'000;  // ns, the coarsest clock of a file system
  const auto now = uint64_t(std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
  for (const auto& identity : identities)
    if (std::max(identity[3], identity[4]) + kStep > now) return false;
  return !identities.empty();
}

bool is_of(const io::StoredMatrix& a, const io::StoredMatrix& b) {
  return a.name == b.name && a.layout == b.layout && a.type == b.type && a.rows == b.rows && a.columns == b.columns;
}

}  // namespace

struct WeightsCache::Impl {
  const std::shared_ptr<const io::GgufFile> source;
  const std::vector<MatrixSource> sources;
  ops::Backend& backend;
  std::optional<io::WeightsStore> store;  // empty: unavailable
  io::WeightsTable wanted;                // what the file must hold; `contents` once they are known
  uint64_t source_name = 0;
  bool looked_up_source = false, ready = false;
  std::vector<uint64_t> digests;  // of the matrices' bytes so far
  std::shared_ptr<const io::WeightsFile> file;
  std::unique_ptr<io::WeightsWriter> writer;
  bool stored = false;
  CacheReport report;

  Impl(std::shared_ptr<const io::GgufFile> source, std::vector<MatrixSource> sources, ops::Backend& backend)
      : source(std::move(source)), sources(std::move(sources)), backend(backend) {}

  void give_up(const std::string& reason) {
    file = nullptr;
    writer = nullptr;
    ready = stored = true;
    report = {State::kUnavailable, "", reason};
  }

  void open_folder(const std::string& folder) {
    for (const auto& [tensor, rows] : sources) {
      const std::string layout = backend.packed_layout(rows.type);
      if (layout.empty()) return give_up("backend " + backend.name() + " has no packed form to keep");
      wanted.matrices.push_back({tensor->name, layout, rows.type, rows.rows, rows.columns});
    }
    store.emplace(folder);
    io::ByteWriter name;
    for (const auto& identity : source->identities())
      for (const uint64_t word : identity) name.number(word);
    for (const auto& matrix : wanted.matrices) name.string(matrix.layout);
    source_name = store->key().digest(name.bytes());
  }

  uint64_t name_contents() const {
    io::ByteWriter name;
    for (size_t i = 0; i < wanted.matrices.size(); i++) {
      const io::StoredMatrix& matrix = wanted.matrices[i];
      name.string(matrix.name);
      name.string(matrix.layout);
      name.number(uint64_t(matrix.type));
      name.number(uint64_t(matrix.rows));
      name.number(uint64_t(matrix.columns));
      name.number(digests[i]);
    }
    return store->key().digest(name.bytes());
  }

  // Opens the file of these contents, if there is one.
  void open_weights() {
    ready = true;
    report.path = store->weights_path(wanted.contents);
    try {
      auto found = std::make_shared<const io::WeightsFile>(report.path, store->key());
      const auto& matrices = found->table().matrices;
      const bool ours = found->table().contents == wanted.contents &&
                        std::equal(matrices.begin(), matrices.end(), wanted.matrices.begin(), wanted.matrices.end(), is_of);
      if (!ours) throw Error(Code::kInvalidModel, report.path + ": holds other matrices than its name says");
      file = std::move(found);
      stored = true;
      report.state = State::kUsed;
      store->touch(wanted.contents);
    } catch (const Error& error) {
      if (error.code() != Code::kFileNotFound) report.reason = error.what();
    }
  }

  // Packs the matrices from here on and writes the file again. The matrices that were taken so far passed their checks.
  void distrust(const std::string& reason) {
    report = {State::kOff, report.path, report.path + ": " + reason};
    file = nullptr;
    stored = false;
  }

  void start_writing(std::span<const ops::Matrix* const> packed) {
    std::vector<std::span<const std::byte>> images;
    for (const ops::Matrix* matrix : packed) images.push_back(matrix->image);
    writer = std::make_unique<io::WeightsWriter>(report.path, wanted, std::move(images), store->key());
  }
};

WeightsCache::WeightsCache(const std::string& folder, std::shared_ptr<const io::GgufFile> file, std::vector<MatrixSource> matrices,
                           ops::Backend& backend)
    : impl_(std::make_unique<Impl>(std::move(file), std::move(matrices), backend)) {
  try {
    impl_->open_folder(folder);
  } catch (const std::runtime_error& error) {  // ours, and those of the system's randomness
    impl_->give_up(error.what());
  }
}

WeightsCache::~WeightsCache() = default;
bool WeightsCache::ready() const { return impl_->ready; }
bool WeightsCache::stored() const { return impl_->stored; }
bool WeightsCache::writes() const { return impl_->ready && (!impl_->stored || impl_->report.state == State::kStored); }
size_t WeightsCache::matrices_stored() const {
  if (impl_->report.state == State::kStored) return impl_->sources.size();
  return impl_->writer ? impl_->writer->finished() : 0;
}
bool WeightsCache::in_use() const { return impl_->file != nullptr; }
const CacheReport& WeightsCache::report() const { return impl_->report; }

void WeightsCache::look_up() {
  Impl& c = *impl_;
  if (!c.looked_up_source) {
    c.looked_up_source = true;
    if (const std::optional<uint64_t> known = c.store->recall(c.source_name)) {
      c.wanted.contents = *known;
      return c.open_weights();
    }
  }
  if (c.digests.size() < c.sources.size()) {
    const MatrixSource& next = c.sources[c.digests.size()];
    c.digests.push_back(c.store->key().digest({next.rows.data, next.bytes()}));
    c.source->release(*next.tensor);
    return;
  }
  c.wanted.contents = c.name_contents();
  if (changes_show(c.source->identities())) c.store->remember(c.source_name, c.wanted.contents);
  c.open_weights();
}

std::unique_ptr<ops::Matrix> WeightsCache::take(size_t index) {
  Impl& c = *impl_;
  if (!c.file) return nullptr;
  std::span<const std::byte> image;
  std::shared_ptr<const void> owner = c.file;
  try {
    image = c.file->read(c.file->table().matrices[index]);
  } catch (const Error& error) {
    c.distrust(error.what());
    return nullptr;
  }
  if (!c.file->in_huge_pages()) {  // a copy in huge pages makes products faster by a tenth
    const std::shared_ptr<std::byte[]> memory = c.backend.memory()->allocate(image.size());
    std::memcpy(memory.get(), image.data(), image.size());
    io::release_pages(image.data(), image.size());
    image = {memory.get(), image.size()};
    owner = memory;
  }
  std::unique_ptr<ops::Matrix> matrix = c.backend.adopt(c.sources[index].rows, image, std::move(owner));
  if (!matrix) c.distrust("matrix " + std::to_string(index) + " has " + std::to_string(image.size()) + " bytes, which are not its form's");
  return matrix;
}

void WeightsCache::store(std::span<const ops::Matrix* const> packed) {
  Impl& c = *impl_;
  try {
    if (!c.writer) return c.start_writing(packed);
    c.writer->step();
    if (!c.writer->done()) return;
    c.stored = true;
    c.report.state = State::kStored;
    c.writer = nullptr;
    c.store->tidy(c.wanted.contents, kKeepBytes);
  } catch (const std::runtime_error& error) {
    c.give_up(error.what());
  }
}

}  // namespace ragdraft::model
