#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "environment.h"
#include "ops/backend.h"
#include "random_matrix.h"
#include "tap.h"

using namespace ragdraft;

namespace {

// RAGDRAFT_ISA for the life of the object.
class IsaVariable {
 public:
  explicit IsaVariable(const char* value) {
    if (const char* old = std::getenv("RAGDRAFT_ISA")) old_ = old;
    testing::set_environment("RAGDRAFT_ISA", value);
  }
  ~IsaVariable() { testing::set_environment("RAGDRAFT_ISA", old_.empty() ? nullptr : old_.c_str()); }

 private:
  std::string old_;
};

}  // namespace

TEST("every listed instruction set can be had by name; generic is always there, last") {
  const std::vector<std::string> isas = ops::cpu_isas();
  CHECK(!isas.empty() && isas.back() == "generic");
  for (const std::string& isa : isas) CHECK(ops::make_cpu_backend(1, isa)->name() == "cpu/" + isa);
}

TEST("tiles prefer bf16 keys and values, instruction sets without products of bf16 f16") {
  for (const std::string& isa : ops::cpu_isas()) {
    if (isa == "avx512bf16") continue;  // depends on whose processor it is
    const kv::KvType expected = isa == "amx" ? kv::KvType::kBF16 : kv::KvType::kF16;
    CHECK_MSG(ops::make_cpu_backend(1, isa)->preferred_kv() == expected, isa);
  }
  CHECK(ops::make_reference_backend()->preferred_kv() == kv::KvType::kF16);
}

TEST("RAGDRAFT_ISA chooses when no name is given, and a name wins over it") {
  const std::string best = ops::cpu_isas().front();
  const IsaVariable variable("generic");
  CHECK(ops::make_cpu_backend(1)->name() == "cpu/generic");
  CHECK(ops::make_cpu_backend(1, best)->name() == "cpu/" + best);
}

TEST("an unknown instruction set is an error, from the argument as from RAGDRAFT_ISA; an empty variable is none") {
  CHECK_THROWS(kInvalidArgument, ops::make_cpu_backend(1, "sse9"));
  CHECK_THROWS(kInvalidArgument, ops::make_cpu_backend(1, "AVX2"));
  {
    const IsaVariable variable("sse9");
    CHECK_THROWS(kInvalidArgument, ops::make_cpu_backend(1));
  }
  const IsaVariable variable("");
  CHECK(ops::make_cpu_backend(1)->name() == "cpu/" + ops::cpu_isas().front());
}

TEST("memory is zeroed, aligned and writable to its last byte, small or in huge pages") {
  const auto backend = ops::make_cpu_backend(1, "generic");
  for (const size_t bytes : {size_t(0), size_t(1), size_t(4097), (size_t(9) << 20) + 5}) {
    const auto memory = backend->memory()->allocate(bytes);
    CHECK(reinterpret_cast<uintptr_t>(memory.get()) % 64 == 0);
    CHECK(std::all_of(memory.get(), memory.get() + bytes, [](std::byte b) { return b == std::byte(0); }));
    std::fill(memory.get(), memory.get() + bytes, std::byte(0xff));
  }
}

TEST("memory outlives its backend") {
  auto backend = ops::make_cpu_backend(1, "generic");
  const auto memory = backend->memory()->allocate(100);
  backend.reset();
  memory[99] = std::byte(7);
  CHECK(memory[99] == std::byte(7));
}

TEST("more memory than this machine has is ERR_OUT_OF_MEMORY, not an overcommitted mapping") {
  const auto backend = ops::make_cpu_backend(1, "generic");
  CHECK_THROWS(kOutOfMemory, backend->memory()->allocate(size_t(1) << 44));  // 16 TiB: fits the address space
  CHECK_THROWS(kOutOfMemory, backend->memory()->allocate(size_t(1) << 60));
  CHECK_THROWS(kOutOfMemory, backend->memory()->allocate(SIZE_MAX));
}

TEST("embed gives the dequantised rows of its tokens, in their order, for every type") {
  const auto backend = ops::make_cpu_backend(2);
  for (const testing::DType type : testing::kTypes) {
    const testing::RandomMatrix table = testing::random_matrix(type, 50, 256, 17);
    const std::vector<TokenId> tokens = {49, 0, 7, 7, 31, 2, 48, 0, 12};
    for (const size_t count : {size_t(1), tokens.size()}) {
      std::vector<float> out(count * 256);
      backend->embed(*backend->load_embedding(table.view()), {tokens.data(), count}, out.data());
      for (size_t i = 0; i < count; ++i) {
        const std::vector<float> row = table.row(tokens[i]);
        CHECK_MSG(std::equal(row.begin(), row.end(), out.begin() + int64_t(i) * 256), formats::info(type).name.data());
      }
    }
  }
}

TEST("embed refuses tokens outside the table") {
  const auto backend = ops::make_cpu_backend(1);
  const testing::RandomMatrix table = testing::random_matrix(testing::DType::kF32, 5, 8, 1);
  std::vector<float> out(8);
  const auto embedding = backend->load_embedding(table.view());
  for (const TokenId token : {-1, 5, INT32_MAX}) CHECK_THROWS(kInvalidArgument, backend->embed(*embedding, {&token, 1}, out.data()));
}

TEST("gather brings rows together; logits are the product, where the host wants them") {
  const auto backend = ops::make_cpu_backend(1);
  const testing::RandomMatrix weights = testing::random_matrix(testing::DType::kQ8_0, 20, 64, 1);
  const std::vector<float> x = testing::random_floats(4 * 64, 2);
  const std::vector<int> rows = {1, 3};
  std::vector<float> gathered(2 * 64), logits(2 * 20), product(4 * 20);
  backend->gather(x.data(), rows, 64, gathered.data());
  const auto matrix = backend->pack(weights.view());
  backend->logits(*matrix, {gathered.data()}, 2, ops::Precision::kFull, logits.data());
  const ops::LinearTask task{matrix.get(), nullptr, product.data()};
  backend->linear({&task, 1}, {x.data()}, 4, ops::Precision::kFull);
  for (size_t i = 0; i < 2; i++) CHECK(std::equal(logits.begin() + int64_t(i) * 20, logits.begin() + int64_t(i + 1) * 20, product.begin() + rows[i] * 20));
}
