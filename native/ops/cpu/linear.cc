// Matrix products: inputs once into the kernels' layout, then panels of all tasks over the pool.
#include <algorithm>
#include <vector>

#include "base/contiguous_pieces.h"
#include "base/error.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/input_rows.h"
#include "ops/cpu/packed_matrix.h"

namespace ragdraft::ops {
namespace {

// Rows are served in blocks of equal size (give or take one): of at most 12, 13 rows are 7 + 6, not 12 + 1.
struct RowBlocks {
  RowBlocks(int rows, int most) : rows(rows), count((rows + most - 1) / most) {}
  int first_row(int block) const { return int(int64_t(rows) * block / count); }
  int size(int block) const { return first_row(block + 1) - first_row(block); }
  const int rows, count;
};

// What the kernels of a call read.
struct InputForms {
  bool integers = false, floats = false, halves = false;
};

// The inputs of a call, `columns` of `rows` rows, in the layout of InputBlock. Block b starts at its first row's share of each
// array. Floats that lie in memory as one row stay there.
class Inputs {
 public:
  Inputs(const InputRows& source, const RowBlocks& blocks, int64_t columns, InputForms forms, Scratch& scratch)
      : source_(source),
        blocks_(blocks),
        columns_(columns),
        forms_(forms),
        interleave_(forms.floats && (blocks.rows > 1 || !source.in_memory())) {
    const size_t rows = size_t(blocks.rows), elements = rows * size_t(columns);
    group_words_ = elements / kGroupInputs;
    const size_t integer_words = forms.integers ? elements / 4 + 6 * group_words_ : 0, float_words = interleave_ ? elements : 0;
    const size_t half_words = forms.halves ? rows * size_t(padded_columns(columns)) / 2 : 0;
    words_ = scratch.reserve<float>(integer_words + float_words + half_words);
    floats_ = words_ + integer_words;
    halves_ = reinterpret_cast<uint16_t*>(floats_ + float_words);
  }

  // Block `index`, from input `column` (a multiple of 32) on.
  InputBlock block(int index, int64_t column = 0) const {
    const size_t elements = offset(index, column, columns_), groups = offset(index, column / kGroupInputs, columns_ / kGroupInputs);
    InputBlock b{};
    b.call_rows = blocks_.rows;
    b.first_row = blocks_.first_row(index);
    b.rows = b.stride = blocks_.size(index);
    b.floats = (interleave_ ? floats_ : source_.memory()) + elements;
    b.halves = halves_ + offset(index, column, padded_columns(columns_));
    if (!forms_.integers) return b;
    float* const group_arrays = words_ + size_t(blocks_.rows) * size_t(columns_) / 4;
    b.quants = reinterpret_cast<int8_t*>(words_) + elements;
    b.scales = group_arrays + groups;
    b.scaled_sums = group_arrays + group_words_ + groups;
    b.minus8 = reinterpret_cast<int32_t*>(group_arrays + 2 * group_words_ + groups);
    b.minus128 = reinterpret_cast<int32_t*>(group_arrays + 3 * group_words_ + groups);
    b.minus32 = reinterpret_cast<int32_t*>(group_arrays + 4 * group_words_ + 2 * groups);
    return b;
  }

  // Work for the pool: a block's rows, kPieceColumns inputs of them.
  int pieces() const { return blocks_.count * column_pieces(); }
  void convert(const LinearKernels& kernels, int piece) const {
    const int index = piece / column_pieces();
    const int64_t column = piece % column_pieces() * kPieceColumns, columns = std::min(kPieceColumns, columns_ - column);
    const InputBlock b = block(index, column);
    float made[kPieceColumns];
    for (int row = 0; row < b.rows; ++row) {
      const float* x = source_.piece(blocks_.first_row(index) + row, column, columns, made);
      if (forms_.integers) kernels.quantize(x, columns, row, b);
      if (forms_.halves) kernels.round(x, columns, row, b);
      if (!interleave_) continue;
      float* out = floats_ + offset(index, column, columns_) + row;
      for (int64_t k = 0; k < columns; ++k) out[k * b.rows] = x[k];
    }
  }

 private:
  static constexpr int64_t kPieceColumns = 1024;  // a multiple of kGroupInputs, so that only a last piece is padded
  // Where column `column` of block `index` starts in an interleaved array of `columns` columns.
  size_t offset(int index, int64_t column, int64_t columns) const {
    return size_t(blocks_.first_row(index) * columns + column * blocks_.size(index));
  }
  int column_pieces() const { return int((columns_ + kPieceColumns - 1) / kPieceColumns); }

  const InputRows& source_;
  const RowBlocks& blocks_;
  int64_t columns_;
  InputForms forms_;
  bool interleave_;
  float *words_, *floats_;
  uint16_t* halves_;
  size_t group_words_;
};

void require_input(PackedFormat format, const LinearKernels& kernels, InputForms& forms) {
  switch (format) {
    case PackedFormat::kF32:
    case PackedFormat::kF16: forms.floats = true; break;
    case PackedFormat::kBF16: (kernels.round != nullptr ? forms.halves : forms.floats) = true; break;
    default: forms.integers = true;
  }
}

const PackedWeights& weights_of(const LinearTask& task, Precision precision) {
  const auto* matrix = dynamic_cast<const PackedMatrix*>(task.weight);
  check(matrix != nullptr, Code::kInternal, "a weight matrix of another backend");
  return precision == Precision::kDraft ? matrix->draft : matrix->packed;
}

// A task's panels in equal pieces for the pool.
struct Share {
  const LinearTask* task;
  PackedWeights weights;
  int64_t piece_panels;
  int first_piece;
};

constexpr int64_t kPiecesPerThread = 32;      // so that a thread which a neighbour slows down holds up little
constexpr int64_t kMinPieceBytes = 64 << 10;  // microseconds of work: far more than taking the next piece costs
constexpr int64_t kMaxPieceBytes = 512 << 10;
constexpr int64_t kSerialInputs = 16 << 10;   // values converted before a worker would have woken up

}  // namespace

void CpuBackend::linear(std::span<const LinearTask> tasks, const LinearInput& input, int rows, Precision precision) {
  check(!tasks.empty() && rows >= 1, Code::kInternal, "linear: no tasks or no rows");
  const int64_t columns = tasks[0].weight->columns;
  int64_t bytes = 0;
  InputForms forms;
  std::vector<Share> shares;
  shares.reserve(tasks.size());
  for (const LinearTask& task : tasks) {
    const PackedWeights& weights = weights_of(task, precision);
    check(weights.columns == columns, Code::kInternal, "linear: tasks with different inputs");
    require_input(weights.format, kernels_.linear, forms);
    bytes += weights.panels * int64_t(weights.read_bytes);
    shares.push_back({&task, weights, 0, 0});
  }
  const int64_t piece_bytes = std::clamp(bytes / (pool_.threads() * kPiecesPerThread), kMinPieceBytes, kMaxPieceBytes);
  int pieces = 0;
  for (Share& share : shares) {
    share.piece_panels = std::max<int64_t>(1, piece_bytes / int64_t(share.weights.read_bytes));
    if (share.piece_panels > 1) share.piece_panels -= share.piece_panels % 2;  // some kernels take two at a time
    share.first_piece = pieces;
    pieces += int((share.weights.panels + share.piece_panels - 1) / share.piece_panels);
  }

  const RowBlocks blocks(rows, kernels_.linear.block_rows);
  InputRows source(input, rows, columns, kernels_.elementwise);
  const Inputs inputs(source, blocks, columns, forms, linear_scratch_);
  const auto for_each = [&](int count, const auto& part) {
    if (rows * columns > kSerialInputs) return pool_.parallel_for(count, part);
    for (int i = 0; i < count; ++i) part(i, 0);
  };
  if (source.needs_factors()) for_each(rows, [&](int row, int) { source.prepare(row); });
  for_each(inputs.pieces(), [&](int piece, int) { inputs.convert(kernels_.linear, piece); });
  std::vector<InputBlock> input_blocks;
  input_blocks.reserve(size_t(blocks.count));
  for (int index = 0; index < blocks.count; ++index) input_blocks.push_back(inputs.block(index));

  const auto multiply = [&](int piece) {
    size_t s = shares.size() - 1;
    while (shares[s].first_piece > piece) --s;
    const Share& share = shares[s];
    const PackedWeights& weights = share.weights;
    const int64_t first = (piece - share.first_piece) * share.piece_panels, last = std::min(first + share.piece_panels, weights.panels);
    const LinearOutput output{share.task->y, weights.rows, share.task->bias, share.task->accumulate};
    kernels_.linear.multiply(weights, first, last, input_blocks.data(), blocks.count, output);
  };
  ContiguousPieces dealt(pieces, pool_.threads());
  pool_.parallel_for(pool_.threads(), [&](int, int worker) {
    for (int piece; (piece = dealt.take(worker)) >= 0;) multiply(piece);
  });
}

}  // namespace ragdraft::ops
