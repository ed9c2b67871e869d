#include "io/gguf/gguf.h"

#include <new>
#include <unordered_map>

#include "io/gguf/gguf_error.h"
#include "io/gguf/gguf_parse.h"
#include "io/gguf/gguf_split.h"
#include "io/mapped_file.h"

namespace ragdraft::io {

struct GgufFile::Impl {
  std::vector<std::unique_ptr<MappedFile>> files;  // one a part; none if parsed from memory
  size_t file_bytes = 0;
  uint32_t version = 0;
  Metadata metadata;  // of the first part
  std::vector<TensorInfo> tensors;
  std::unordered_map<std::string_view, size_t> tensor_index;  // name -> place in tensors, which no longer grows

  void index_tensors() {
    for (size_t i = 0; i < tensors.size(); i++) {
      if (!tensor_index.emplace(tensors[i].name, i).second) invalid("tensor " + quoted(tensors[i].name) + " occurs twice");
    }
  }
};

namespace {

struct OpenedPart {
  std::unique_ptr<MappedFile> file;
  ParsedPart parsed;
  std::optional<SplitInfo> split;
};

OpenedPart open_part(const std::string& path) {
  OpenedPart part;
  part.file = std::make_unique<MappedFile>(path);
  in_context(path, [&] {
    part.parsed = parse_part(part.file->data(), part.file->size());
    part.split = split_info(part.parsed.metadata);
  });
  return part;
}

// The name by which the siblings of `part` can be found.
SplitName split_name(const std::string& path, const SplitInfo& split) {
  const std::string place = "part " + std::to_string(split.number + 1) + " of " + std::to_string(split.count);
  const auto name = parse_split_name(path);
  if (!name) invalid(path + ": is " + place + " of a split model, but is not named like \"model-00001-of-00002.gguf\"");
  if (name->number != split.number + 1 || name->count != split.count) invalid(path + ": is named otherwise, but says that it is " + place);
  return *name;
}

// All parts in order; `opened` is one of them.
std::vector<OpenedPart> open_siblings(OpenedPart opened, const std::string& path) {
  const SplitInfo split = *opened.split;
  const SplitName name = split_name(path, split);
  std::vector<OpenedPart> parts;
  int64_t tensors = 0;
  for (int64_t i = 0; i < split.count; i++) {
    const std::string sibling = name.path_of(i + 1);
    parts.push_back(i == split.number ? std::move(opened) : open_part(sibling));
    const auto& other = parts.back().split;
    if (!other || other->number != i || other->count != split.count || other->tensors != split.tensors) {
      invalid(sibling + ": its split.no, split.count or split.tensors.count contradict those of " + path);
    }
    tensors += int64_t(parts.back().parsed.tensors.size());
  }
  if (tensors != split.tensors) {
    invalid(path + ": split.tensors.count is " + std::to_string(split.tensors) + ", the parts have " + std::to_string(tensors) +
            " tensors");
  }
  return parts;
}

// Memory that runs out while a file is read is the file's fault or the machine's, not a bug: it gets its code.
template <class Read>
auto reporting_memory(Read read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    throw Error(Code::kOutOfMemory, "not enough memory for the metadata of the model file");
  }
}

}  // namespace

std::shared_ptr<const GgufFile> GgufFile::open(const std::string& path) {
  return reporting_memory([&] {
    std::vector<OpenedPart> parts;
    OpenedPart opened = open_part(path);
    if (opened.split) {
      parts = open_siblings(std::move(opened), path);
    } else {
      parts.push_back(std::move(opened));
    }
    auto impl = std::make_unique<Impl>();
    impl->version = parts[0].parsed.version;
    impl->metadata = std::move(parts[0].parsed.metadata);
    for (OpenedPart& part : parts) {
      impl->file_bytes += part.file->size();
      impl->files.push_back(std::move(part.file));
      for (TensorInfo& tensor : part.parsed.tensors) impl->tensors.push_back(std::move(tensor));
    }
    in_context(path, [&] { impl->index_tensors(); });
    return std::make_shared<const GgufFile>(std::move(impl));
  });
}

std::shared_ptr<const GgufFile> GgufFile::parse(const std::byte* data, size_t size) {
  return reporting_memory([&] {
    ParsedPart part = parse_part(data, size);
    auto impl = std::make_unique<Impl>();
    impl->file_bytes = size;
    impl->version = part.version;
    impl->metadata = std::move(part.metadata);
    impl->tensors = std::move(part.tensors);
    impl->index_tensors();
    return std::make_shared<const GgufFile>(std::move(impl));
  });
}

GgufFile::GgufFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GgufFile::~GgufFile() = default;

uint32_t GgufFile::version() const { return impl_->version; }
const std::vector<std::pair<std::string, MetaValue>>& GgufFile::metadata() const { return impl_->metadata.entries(); }
const std::vector<TensorInfo>& GgufFile::tensors() const { return impl_->tensors; }
const MetaValue* GgufFile::find(std::string_view key) const { return impl_->metadata.find(key); }
const MetaArray* GgufFile::find_array(std::string_view key) const { return impl_->metadata.find_array(key); }
std::optional<int64_t> GgufFile::get_int(std::string_view key) const { return impl_->metadata.get_int(key); }
std::optional<double> GgufFile::get_float(std::string_view key) const { return impl_->metadata.get_float(key); }
std::optional<bool> GgufFile::get_bool(std::string_view key) const { return impl_->metadata.get_bool(key); }
std::optional<std::string_view> GgufFile::get_string(std::string_view key) const { return impl_->metadata.get_string(key); }
size_t GgufFile::file_bytes() const { return impl_->file_bytes; }

std::vector<MappedFile::Identity> GgufFile::identities() const {
  std::vector<MappedFile::Identity> all;
  for (const auto& file : impl_->files) all.push_back(file->identity());
  return all;
}

void GgufFile::prefetch(const TensorInfo& tensor) const noexcept {
  if (!impl_->files.empty()) prefetch_pages(tensor.data, tensor.bytes);
}
void GgufFile::release(const TensorInfo& tensor) const noexcept {
  if (!impl_->files.empty()) release_pages(tensor.data, tensor.bytes);  // of memory that is no file's it would be the end
}

const TensorInfo* GgufFile::tensor(std::string_view name) const {
  const auto found = impl_->tensor_index.find(name);
  return found == impl_->tensor_index.end() ? nullptr : &impl_->tensors[found->second];
}

formats::MatrixView as_matrix(const TensorInfo& tensor) {
  const auto refuse = [&](const std::string& why) { throw Error(Code::kUnsupportedModel, "tensor " + quoted(tensor.name) + " " + why); };
  if (!formats::is_supported(tensor.type_id)) refuse("has type " + type_name(tensor.type_id) + ", which ragdraft does not run");
  if (tensor.shape.size() > 2) refuse("has " + std::to_string(tensor.shape.size()) + " dimensions, not 1 or 2");
  const int64_t rows = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
  return {formats::DType(tensor.type_id), rows, tensor.shape[0], tensor.data};
}

}  // namespace ragdraft::io
