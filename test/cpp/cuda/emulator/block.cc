#include "emulator/block.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace ragdraft::emulator {
namespace {

constexpr std::align_val_t kSharedAlignment{128};

std::string coordinates(uint3 i) { return std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z); }

std::string place(const Thread& thread) {
  return " (block " + coordinates(thread.block->index) + " thread " + coordinates(thread.index) + ")";
}

}  // namespace

void fail(const std::string& what) { throw Fault(what + place(*current)); }

void Block::Release::operator()(unsigned char* p) const { ::operator delete(p, kSharedAlignment); }

Block::Memory Block::poisoned(size_t bytes) {
  Memory memory(static_cast<unsigned char*>(::operator new(std::max<size_t>(bytes, 1), kSharedAlignment)));
  std::memset(memory.get(), 0xff, bytes);  // NaN in every float format
  return memory;
}

Block::Block(dim3 grid, dim3 size, size_t shared_bytes, const std::function<void()>& body)
    : grid(grid), size(size), body_(body), dynamic_bytes_(shared_bytes) {
  const size_t count = size_t(size.x) * size.y * size.z;
  threads_.resize(count);
  stacks_.resize(count);
  meetings_.resize((count + 31) / 32);
}

void* Block::shared(std::type_index type, size_t bytes) {
  for (auto& [known, memory] : shared_)
    if (known == type) return memory.get();
  return shared_.emplace_back(type, poisoned(bytes)).second.get();
}

void Block::shuffle(std::vector<Thread*>& threads) {
  if (config().order == Order::kReverse) std::reverse(threads.begin(), threads.end());
  if (config().order != Order::kRandom) return;
  for (size_t i = threads.size(); i > 1; i--) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    std::swap(threads[i - 1], threads[random_ % i]);
  }
}

void Block::wake(std::vector<Thread*> threads) {
  shuffle(threads);
  ready_.insert(ready_.end(), threads.begin(), threads.end());
}

void Block::wait(const char* where) {
  Thread& thread = *current;
  thread.where = where;
  switch_context(thread.context, scheduler_);
}

void Block::open_barrier() { wake(std::exchange(at_barrier_, {})); }

void Block::synchronise(const char* where) {
  if (!at_barrier_.empty() && std::strcmp(at_barrier_.front()->where, where) != 0)
    fail(std::string("divergent barrier: this thread is at ") + where + ", others wait at " + at_barrier_.front()->where);
  current->where = where;
  at_barrier_.push_back(current);
  if (at_barrier_.size() == alive_) open_barrier();
  wait(where);
}

Meeting& Block::meet(uint32_t mask, const char* operation, const void* value, size_t bytes) {
  Thread& thread = *current;
  if ((mask >> thread.lane & 1) == 0) fail(std::string(operation) + ": the caller is not in its own mask");
  const size_t lanes = std::min<size_t>(32, threads_.size() - size_t(thread.warp) * 32);
  if (lanes < 32) mask &= (1u << lanes) - 1;
  auto& under_way = meetings_[thread.warp];
  Meeting* meeting = nullptr;
  for (const auto& other : under_way) {
    if (other->arrived == other->mask || (other->mask & mask) == 0) continue;
    if (other->mask != mask || std::strcmp(other->operation, operation) != 0)
      fail(std::string(operation) + " meets " + other->operation + " of another mask or kind in the same warp");
    meeting = other.get();
  }
  if (meeting == nullptr) {
    if (idle_meetings_.empty()) idle_meetings_.push_back(std::make_unique<Meeting>());
    meeting = under_way.emplace_back(std::move(idle_meetings_.back())).get();
    idle_meetings_.pop_back();
    meeting->mask = mask;
    meeting->arrived = 0;
    meeting->leaving = __builtin_popcount(mask);
    meeting->operation = operation;
  }
  std::memcpy(meeting->slot[thread.lane], value, bytes);
  meeting->arrived |= 1u << thread.lane;
  if (meeting->arrived == mask) {
    wake(std::exchange(meeting->waiting, {}));
  } else {
    meeting->waiting.push_back(&thread);
    wait(operation);
  }
  return *meeting;
}

void Block::leave(Meeting& meeting) {
  if (--meeting.leaving > 0) return;
  auto& under_way = meetings_[current->warp];
  const auto at = std::find_if(under_way.begin(), under_way.end(), [&](const auto& other) { return other.get() == &meeting; });
  idle_meetings_.push_back(std::move(*at));
  under_way.erase(at);
}

void Block::entry() {
  Thread& thread = *current;
  Block& block = *thread.block;
  enter_context(block.scheduler_);
  try {
    block.body_();
    if (!thread.open_group.empty() || !thread.groups.empty()) fail("cp.async still under way at the end of the thread");
  } catch (const std::exception& e) {
    if (block.error_.empty()) block.error_ = e.what();
  }
  thread.done = true;
  block.alive_--;
  if (block.alive_ > 0 && block.at_barrier_.size() == block.alive_) block.open_barrier();  // threads that ended do not count
  switch_context(thread.context, block.scheduler_, true);
}

void Block::start_threads() {
  std::vector<Thread*> all;
  for (size_t i = 0; i < threads_.size(); i++) {
    Thread& thread = threads_[i];
    thread = Thread{};
    thread.block = this;
    thread.warp = unsigned(i / 32);
    thread.lane = unsigned(i % 32);
    thread.index = {unsigned(i % size.x), unsigned(i / size.x % size.y), unsigned(i / (size_t(size.x) * size.y))};
    thread.context = {stacks_[i].prepare(&Block::entry), nullptr, stacks_[i].bottom(), Stack::size()};
    all.push_back(&thread);
  }
  alive_ = threads_.size();
  wake(std::move(all));
}

void Block::run(uint3 at, uint64_t seed) {
  index = at;
  random_ = seed | 1;
  dynamic_ = poisoned(dynamic_bytes_);
  shared_.clear();
  start_threads();
  while (!ready_.empty()) {
    current = ready_.front();
    ready_.pop_front();
    switch_context(scheduler_, current->context);
    if (!error_.empty()) throw Fault(error_);
  }
  if (alive_ > 0) throw Fault(deadlock());
}

std::string Block::deadlock() const {
  std::vector<std::pair<std::string, int>> places;
  for (const Thread& thread : threads_) {
    if (thread.done) continue;
    const auto at = std::find_if(places.begin(), places.end(), [&](const auto& place) { return place.first == thread.where; });
    if (at == places.end()) places.emplace_back(thread.where, 1);
    else at->second++;
  }
  std::string text = "deadlock in block " + coordinates(index) + ":";
  for (const auto& [where, count] : places) text.append(" ").append(std::to_string(count)).append(" threads at ").append(where).append(";");
  return text;
}

}  // namespace ragdraft::emulator
