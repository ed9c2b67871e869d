#include "kv/sequence.h"

#include <cstring>

#include "base/error.h"
#include "kv/tile_index.h"

namespace ragdraft::kv {
namespace {
int pages_for(int tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }
}  // namespace

Sequence::Sequence(std::shared_ptr<Cache> cache, int max_tokens) : cache_(std::move(cache)), max_tokens_(max_tokens) {
  check(max_tokens > 0, Code::kInvalidArgument, "a sequence needs a capacity of at least one token");
  cache_->pool.reserve(size_t(pages_for(max_tokens)));
}

Sequence::~Sequence() {
  for (PageId page : table_) cache_->pool.release(page);
}

std::unique_ptr<Sequence> Sequence::fork() const {
  auto copy = std::make_unique<Sequence>(cache_, 1);
  copy->max_tokens_ = max_tokens_;
  const auto used = size_t(pages_for(length_));
  copy->table_.assign(table_.begin(), table_.begin() + std::ptrdiff_t(used));
  copy->pages_.assign(pages_.begin(), pages_.begin() + std::ptrdiff_t(used));
  for (PageId page : copy->table_) cache_->pool.retain(page);
  copy->length_ = length_;
  return copy;
}

std::byte* const* Sequence::prepare_append(int count) {
  if (count < 1 || count > max_tokens_ - length_) {
    throw Error(Code::kContextOverflow, "the sequence holds " + std::to_string(length_) + " of at most " + std::to_string(max_tokens_) +
                                            " tokens; " + std::to_string(count) + " more do not fit");
  }
  const auto first = size_t(length_ / kPageTokens), last = size_t((length_ + count - 1) / kPageTokens);
  for (size_t i = first; i <= last; i++) {
    if (i == table_.size()) {
      const PageId page = cache_->pool.acquire();
      table_.push_back(page);
      pages_.push_back(cache_->pool.data(page));
    } else if (cache_->pool.shared(table_[i])) {
      const PageId page = cache_->pool.acquire();
      std::byte* data = cache_->pool.data(page);
      if (i == first && length_ % kPageTokens != 0) cache_->pool.memory().copy(data, pages_[i], cache_->layout.page_bytes());
      cache_->pool.release(table_[i]);
      table_[i] = page;
      pages_[i] = data;
    }
  }
  return pages_.data();
}

void Sequence::truncate(int length) {
  check(length >= 0 && length <= length_, Code::kInvalidArgument, "a sequence can only be truncated to a length within it");
  length_ = length;
}

void Sequence::repeat(int length) {
  check(length_ > 0 && length_ % kPageTokens == 0, Code::kInvalidArgument, "only whole pages can be repeated");
  check(length >= length_, Code::kInvalidArgument, "a sequence can only be repeated to a length beyond its own");
  if (length == length_) return;
  const auto whole = size_t(length_ / kPageTokens);
  prepare_append(length - length_);
  for (size_t i = whole; i < size_t(pages_for(length)); i++) {
    cache_->pool.memory().copy(pages_[i], pages_[i % whole], cache_->layout.page_bytes());
  }
  length_ = length;
}

uint64_t Sequence::fingerprint() const {
  uint64_t hash = 0xcbf29ce484222325ull;
  const KvLayout& layout = cache_->layout;
  const size_t element = layout.element_bytes();
  const auto mix = [&](const std::byte* bytes, size_t count) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, count);
    hash = (hash ^ word) * 0x100000001b3ull;
  };
  std::vector<std::byte> page(layout.page_bytes());
  for (int position = 0; position < length_; position++) {
    const int t = position % kPageTokens;
    if (t == 0) cache_->pool.memory().download(page.data(), pages_[size_t(position / kPageTokens)], page.size());
    for (int layer = 0; layer < layout.layers; layer++) {
      for (int head = 0; head < layout.kv_heads; head++) {
        const std::byte* k = page.data() + layout.tile_offset(layer, head);
        const std::byte* v = k + layout.block_bytes();
        for (int d = 0; d < layout.head_dim; d++) {
          mix(k + element * k_index(layout, d, t), element);
          mix(v + element * v_index(layout, d, t), element);
        }
        if (layout.type == KvType::kQ8) {
          mix(k + layout.scales_offset() + size_t(t) * sizeof(float), sizeof(float));
          mix(v + layout.scales_offset() + size_t(t) * sizeof(float), sizeof(float));
        }
      }
    }
  }
  return hash;
}

}  // namespace ragdraft::kv
