// Matrix products: inputs once into the kernels' layout, then panels of all tasks over the pool.
#include <algorithm>
#include <vector>

#include "base/error.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/packed_matrix.h"

namespace ragdraft::ops {
namespace {

// Rows are served in blocks of equal size (give or take one): 9 rows as 5 + 4, not 8 + 1.
struct RowBlocks {
  RowBlocks(int rows, int most) : rows(rows), count((rows + most - 1) / most) {}
  int first_row(int block) const { return int(int64_t(rows) * block / count); }
  int size(int block) const { return first_row(block + 1) - first_row(block); }
  const int rows, count;
};

// The inputs of a call, `columns` of `rows` rows, in the layout of InputBlock. Block b starts at its first row's share of each
// array. Floats are interleaved only for blocks of several rows.
class Inputs {
 public:
  Inputs(const float* x, const RowBlocks& blocks, int64_t columns, bool integers, bool floats, Scratch& scratch)
      : x_(x), blocks_(blocks), columns_(columns), integers_(integers), interleave_(floats && blocks.rows > 1) {
    const size_t rows = size_t(blocks.rows), groups = size_t(columns) / kGroupInputs;
    const size_t group_words = rows * groups;
    const size_t words = integers ? rows * size_t(columns) / 4 + 6 * group_words : 0;
    words_ = scratch.reserve<float>(words + (interleave_ ? rows * size_t(columns) : 0) + 1);
    group_words_ = group_words;
    floats_ = words_ + words;
  }

  InputBlock block(int index) const {
    const size_t first = size_t(blocks_.first_row(index)), groups = size_t(columns_) / kGroupInputs;
    InputBlock b{};
    b.rows = blocks_.size(index);
    b.floats = interleave_ ? floats_ + first * size_t(columns_) : x_ + first * size_t(columns_);
    if (!integers_) return b;
    float* groups_start = words_ + size_t(blocks_.rows) * size_t(columns_) / 4;
    b.quants = reinterpret_cast<int8_t*>(words_) + first * size_t(columns_);
    b.scales = groups_start + first * groups;
    b.scaled_sums = b.scales + group_words_;
    b.minus8 = reinterpret_cast<int32_t*>(b.scales + 2 * group_words_);
    b.minus128 = reinterpret_cast<int32_t*>(b.scales + 3 * group_words_);
    b.minus32 = reinterpret_cast<int32_t*>(groups_start + 4 * group_words_ + 2 * first * groups);
    return b;
  }

  // Converts row `row`, which is row `row - first_row` of block `index`.
  void convert(const LinearKernels& kernels, int index, int row) const {
    const InputBlock b = block(index);
    const int lane = row - blocks_.first_row(index);
    const float* x = x_ + int64_t(row) * columns_;
    if (integers_) kernels.quantize(x, columns_, lane, b);
    if (!interleave_) return;
    float* out = floats_ + (b.floats - floats_) + lane;
    for (int64_t k = 0; k < columns_; ++k) out[k * b.rows] = x[k];
  }

 private:
  const float* x_;
  const RowBlocks& blocks_;
  int64_t columns_;
  bool integers_, interleave_;
  float* words_;
  float* floats_;
  size_t group_words_;
};

bool is_float(PackedFormat format) { return format == PackedFormat::kF32 || format == PackedFormat::kF16 || format == PackedFormat::kBF16; }

const PackedWeights& weights_of(const LinearTask& task) {
  const auto* matrix = dynamic_cast<const PackedMatrix*>(task.weight);
  check(matrix != nullptr, Code::kInternal, "a weight matrix of another backend");
  return matrix->packed;
}

// A task's panels in equal pieces for the pool.
struct Share {
  const LinearTask* task;
  const PackedWeights* weights;
  int64_t piece_panels;
  int first_piece;
};

constexpr int64_t kPiecesPerThread = 32;          // so that a thread which a neighbour slows down holds up little
constexpr int64_t kMinPieceBytes = 64 << 10;      // microseconds of work: far more than taking the next piece costs
constexpr int64_t kMaxPieceBytes = 512 << 10;
constexpr int64_t kPassBytes = 512 << 10;         // weights that stay in L2 while several row blocks pass over them
constexpr int64_t kSerialInputs = 16 << 10;       // values converted before a worker would have woken up

}  // namespace

void CpuBackend::linear(std::span<const LinearTask> tasks, const float* x, int rows) {
  check(!tasks.empty() && rows >= 1, Code::kInternal, "linear: no tasks or no rows");
  const int64_t columns = tasks[0].weight->columns;
  int64_t bytes = 0;
  bool integers = false, floats = false;
  std::vector<Share> shares;
  shares.reserve(tasks.size());
  for (const LinearTask& task : tasks) {
    const PackedWeights& weights = weights_of(task);
    check(weights.columns == columns, Code::kInternal, "linear: tasks with different inputs");
    (is_float(weights.format) ? floats : integers) = true;
    bytes += weights.panels * int64_t(weights.panel_bytes);
    shares.push_back({&task, &weights, 0, 0});
  }
  const int64_t piece_bytes = std::clamp(bytes / (pool_.threads() * kPiecesPerThread), kMinPieceBytes, kMaxPieceBytes);
  int pieces = 0;
  for (Share& share : shares) {
    share.piece_panels = std::max<int64_t>(1, piece_bytes / int64_t(share.weights->panel_bytes));
    share.first_piece = pieces;
    pieces += int((share.weights->panels + share.piece_panels - 1) / share.piece_panels);
  }

  const RowBlocks blocks(rows, kernels_.linear.block_rows);
  const Inputs inputs(x, blocks, columns, integers, floats, linear_scratch_);
  const auto convert_block = [&](int index, int) {
    for (int row = blocks.first_row(index); row < blocks.first_row(index + 1); ++row) inputs.convert(kernels_.linear, index, row);
  };
  if (rows * columns <= kSerialInputs) {
    for (int index = 0; index < blocks.count; ++index) convert_block(index, 0);
  } else {
    pool_.parallel_for(blocks.count, convert_block);
  }

  pool_.parallel_for(pieces, [&](int piece, int) {
    size_t s = shares.size() - 1;
    while (shares[s].first_piece > piece) --s;
    const Share& share = shares[s];
    const PackedWeights& weights = *share.weights;
    const int64_t first = (piece - share.first_piece) * share.piece_panels, last = std::min(first + share.piece_panels, weights.panels);
    const int64_t step = blocks.count == 1 ? last - first : std::max<int64_t>(1, kPassBytes / int64_t(weights.panel_bytes));
    for (int64_t from = first; from < last; from += step)
      for (int index = 0; index < blocks.count; ++index) {
        float* y = share.task->y + int64_t(blocks.first_row(index)) * weights.rows;
        kernels_.linear.multiply(weights, from, std::min(from + step, last), inputs.block(index), {y, weights.rows, share.task->bias, share.task->accumulate});
      }
  });
}

}  // namespace ragdraft::ops
