// The module's functions as the core calls them: devices, memory, sequences in it, passes. Errors: emulator/module_faults_test.cc.
#include "ops/cuda/module.h"

#include <cstring>
#include <memory>
#include <string>

#include "kv/sequence.h"
#include "kv/tile_index.h"
#include "module_fixture.h"
#include "ops/cuda/cuda_matrix.h"
#include "ops/cuda/kernels/pass.h"
#include "random_matrix.h"
#include "ops/backend.h"
#include "tap.h"

using namespace ragdraft;
using ops::cuda::DeviceMemory;
using ops::cuda::OpenDevice;
using testing::api;
using testing::open_device;

namespace {

std::vector<std::byte> counting(size_t bytes) {
  std::vector<std::byte> values(bytes);
  for (size_t i = 0; i < bytes; i++) values[i] = std::byte(i * 7 + i / 251);
  return values;
}

}  // namespace

TEST("another version of the ABI gets no functions; devices are counted and described") {
  CHECK(ragdraft_cuda_get_api(RAGDRAFT_CUDA_ABI + 1) == nullptr);
  CHECK(api().abi == RAGDRAFT_CUDA_ABI && api().size == sizeof(ragdraft_cuda_api));
  int count = 0;
  ragdraft_cuda_error error;
  ragdraft_cuda_device_info info;
  CHECK(api().device_count(&count, &error) == RAGDRAFT_CUDA_OK && count >= 1);
  CHECK(api().device_info(0, &info, &error) == RAGDRAFT_CUDA_OK && info.name[0] != '\0' && info.major >= 8 && info.total_bytes > 0);
  CHECK(api().device_info(count, &info, &error) == RAGDRAFT_CUDA_FAILED && std::string(error.text).find("device properties: ") == 0);
  CHECK(testing::thrown([&] { OpenDevice(api(), count); }).find("ERR_DEVICE_FAILED: GPU: choosing the device") == 0);
}

TEST("device memory is zero, and takes uploads, copies and downloads of any size in order") {
  DeviceMemory memory(open_device());
  for (const size_t bytes : {size_t{1}, size_t{1000}, (size_t{8} << 20), (size_t{20} << 20) + 13}) {
    const auto a = memory.allocate(bytes), b = memory.allocate(bytes);
    std::vector<std::byte> got(bytes, std::byte{1});
    memory.download(got.data(), a.get(), bytes);
    CHECK(got == std::vector<std::byte>(bytes));
    std::vector<std::byte> source = counting(bytes);
    memory.upload(a.get(), source.data(), bytes);
    std::fill(source.begin(), source.end(), std::byte{0});  // has been read
    memory.copy(b.get(), a.get(), bytes);
    memory.zero(a.get(), bytes);
    memory.download(got.data(), b.get(), bytes);
    CHECK(got == counting(bytes));
    memory.download(got.data(), a.get(), bytes);
    CHECK(got == std::vector<std::byte>(bytes));
  }
  CHECK(memory.allocate(0) != nullptr);
}

TEST("sequences live in device memory: copy on write, rollback, repetition, and equal contents have equal fingerprints") {
  const kv::KvLayout layout{.layers = 2, .kv_heads = 2, .head_dim = 20, .type = kv::KvType::kQ8, .order = kv::BlockOrder::kTokens};
  const auto memory = std::make_shared<DeviceMemory>(open_device());
  const auto cache = std::make_shared<kv::Cache>(layout, memory);
  const auto append = [&](kv::Sequence& sequence, int count, int salt) {
    std::byte* const* pages = sequence.prepare_append(count);
    for (int p = sequence.length(); p < sequence.length() + count; p++) {
      for (int layer = 0; layer < layout.layers; layer++) {
        for (int head = 0; head < layout.kv_heads; head++) {
          std::byte* const tile = pages[p / kPageTokens] + layout.tile_offset(layer, head);
          const std::vector<std::byte> value(size_t(layout.head_dim), std::byte(p * 3 + layer + head + salt));
          memory->upload(tile + kv::k_index(layout, 0, p % kPageTokens), value.data(), value.size());
          memory->upload(tile + layout.block_bytes() + kv::v_index(layout, 0, p % kPageTokens), value.data(), value.size());
        }
      }
    }
    sequence.advance(count);
  };
  kv::Sequence a(cache, 200), fresh(cache, 200);
  append(a, 70, 0);
  const uint64_t before = a.fingerprint();
  const auto b = a.fork();
  append(*b, 3, 5);
  CHECK(a.fingerprint() == before && b->fingerprint() != before);
  b->truncate(70);
  CHECK(b->fingerprint() == before);
  append(fresh, 64, 0);
  CHECK(fresh.fingerprint() != before);
  append(fresh, 6, 0);
  CHECK(fresh.fingerprint() == before);
  fresh.truncate(64);
  fresh.repeat(192);
  CHECK(fresh.length() == 192);
  cache->pool.check_integrity([&] {
    std::vector<kv::PageId> held;
    for (const kv::Sequence* s : {&a, b.get(), &fresh}) held.insert(held.end(), s->page_table().begin(), s->page_table().end());
    return held;
  }());
}

TEST("a large matrix is packed in runs, and lies as if it had been packed at once; types without kernels are refused") {
  const auto device = open_device();
  DeviceMemory memory(device);
  const testing::RandomMatrix m = testing::random_matrix(testing::DType::kQ8_0, 1000, 8192, 5);  // 8.7 MB
  const size_t row_bytes = formats::row_bytes(m.type, m.columns);
  std::vector<std::pair<int64_t, int64_t>> runs;
  std::vector<std::byte> buffer;  // of one run: the next one overwrites it
  const ops::cuda::PackedRows in_runs =
      ops::cuda::pack_matrix(*device, memory, m.type, m.rows, m.columns, [&](int64_t first, int64_t rows) {
        runs.push_back({first, rows});
        const auto begin = m.bytes.begin() + std::ptrdiff_t(size_t(first) * row_bytes);
        buffer.assign(begin, begin + std::ptrdiff_t(size_t(rows) * row_bytes));
        return static_cast<const std::byte*>(buffer.data());
      });
  CHECK((runs == std::vector<std::pair<int64_t, int64_t>>{{0, 896}, {896, 104}}));
  ragdraft_cuda_matrix at_once = in_runs.shape;
  const auto other = memory.allocate(in_runs.bytes);
  at_once.device_data = other.get();
  device->call(&ragdraft_cuda_api::pack, &at_once, int64_t{0}, m.rows, static_cast<const void*>(m.bytes.data()));
  std::vector<std::byte> a(in_runs.bytes), b(in_runs.bytes);
  memory.download(a.data(), in_runs.memory.get(), a.size());
  memory.download(b.data(), other.get(), b.size());
  CHECK(a == b);
  CHECK(testing::thrown([&] { ops::cuda::packed_size(api(), formats::DType(9999), 1, 32); }).find("ERR_UNSUPPORTED_MODEL") == 0);
  CHECK(testing::thrown([&] { ops::check_blocks({m.type, 3, 48, nullptr}); }).find("ERR_UNSUPPORTED_MODEL: a Q8_0 matrix of 3 rows") == 0);
}

TEST("a pass is uploaded, and its tokens are looked up; a second one does not overtake the first") {
  const auto device = open_device();
  DeviceMemory memory(device);
  constexpr int64_t kColumns = 64;
  const testing::RandomMatrix m = testing::random_matrix(testing::DType::kQ8_0, 9, kColumns, 3);
  const auto table_data = memory.allocate(m.bytes.size()), out = memory.allocate(2 * 2 * kColumns * sizeof(float));
  memory.upload(table_data.get(), m.bytes.data(), m.bytes.size());
  const ragdraft_cuda_embedding table{uint32_t(m.type), kColumns, int64_t(formats::row_bytes(m.type, kColumns)), table_data.get()};
  float* const rows = reinterpret_cast<float*>(out.get());
  for (const int pass_index : {0, 1}) {
    void* memory_of_pass = nullptr;
    device->call(&ragdraft_cuda_api::next_pass, 0, &memory_of_pass);
    auto& pass = *static_cast<ops::cuda::Pass*>(memory_of_pass);
    pass.rows = 2;
    for (const int r : {0, 1}) pass.row[r] = {TokenId(4 * pass_index + r), 0, 0, 0};
    device->call(&ragdraft_cuda_api::upload_pass, 0);
    device->call(&ragdraft_cuda_api::embed, &table, 2, rows + pass_index * 2 * kColumns);
  }
  std::vector<float> got(4 * kColumns);
  memory.download(got.data(), rows, got.size() * sizeof(float));
  for (const int i : {0, 1, 2, 3}) {
    const std::vector<float> expected = m.row(i / 2 * 4 + i % 2);
    CHECK(std::memcmp(expected.data(), got.data() + i * kColumns, kColumns * sizeof(float)) == 0);
  }
}
