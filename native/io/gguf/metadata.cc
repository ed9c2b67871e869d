#include "io/gguf/metadata.h"

#include "io/gguf/gguf_error.h"

namespace ragdraft::io {
namespace {

// The value as a T; nullptr if absent; throws if it is of another type. `expected` names T in the error.
template <class T>
const T* get_as(const Metadata& metadata, std::string_view key, const char* expected) {
  const MetaValue* entry = metadata.find(key);
  if (!entry) return nullptr;
  const T* value = std::get_if<T>(&entry->value);
  if (!value) invalid("metadata " + quoted(key) + " must be " + expected + " (its type id is " + std::to_string(entry->type) + ")");
  return value;
}

template <class T>
std::optional<T> copy_of(const T* value) {
  return value ? std::optional<T>(*value) : std::nullopt;
}

}  // namespace

void Metadata::add(std::string_view key, MetaValue value) {
  if (!index_.emplace(key, entries_.size()).second) invalid("the key occurs twice");
  entries_.emplace_back(key, std::move(value));
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const MetaArray* Metadata::find_array(std::string_view key) const { return get_as<MetaArray>(*this, key, "an array"); }

std::optional<int64_t> Metadata::get_int(std::string_view key) const { return copy_of(get_as<int64_t>(*this, key, "an integer")); }

std::optional<double> Metadata::get_float(std::string_view key) const {
  const MetaValue* entry = find(key);
  if (entry && std::holds_alternative<int64_t>(entry->value)) return double(std::get<int64_t>(entry->value));
  return copy_of(get_as<double>(*this, key, "a number"));
}

std::optional<bool> Metadata::get_bool(std::string_view key) const { return copy_of(get_as<bool>(*this, key, "a boolean")); }

std::optional<std::string_view> Metadata::get_string(std::string_view key) const {
  return copy_of(get_as<std::string_view>(*this, key, "a string"));
}

}  // namespace ragdraft::io
