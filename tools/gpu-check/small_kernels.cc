#include <algorithm>
#include <tuple>

#include "kernel_bench.h"
#include "kernels.h"
#include "ops/cuda/kernels/round/draft.h"
#include "ops/cuda/kernels/linear/inputs.h"
#include "ops/cuda/kernels/round/judge.h"
#include "ops/cuda/kernels/rope/rope.h"
#include "ops/cuda/kernels/round/round_scratch.h"
#include "ops/cuda/kernels/rows.h"
#include "ops/cuda/kernels/round/softmax.h"
#include "random_model.h"

namespace ragdraft::gpu_check {
namespace {

using namespace ops::cuda;

constexpr double kFloat = sizeof(float);

class SmallKernels {
 public:
  SmallKernels(const Options& options, Report& report) : config_(shape_of(options.model)), options_(options), report_(report) {}

  // Of a token's vector, as files have them, and of the rows that logits are wanted of.
  void ends() {
    const formats::DType type = weight_type(options_.weights);
    const WeightPool pool(type, int64_t(kMostKernelRows) * config_.embedding);
    const size_t row_bytes = formats::row_bytes(type, config_.embedding);
    const Memory table(kMostKernelRows * row_bytes);
    stream_.to_device(table.get(), pool.matrix(kMostKernelRows, config_.embedding).data, kMostKernelRows * row_bytes);
    const Floats x(stream_, size_t(kMostKernelRows) * size_t(config_.embedding)), out(stream_, size_t(kMostKernelRows) * size_t(config_.embedding));
    const Memory drafts(kRoundRows * sizeof(TokenId));
    const EmbeddingTable rows_of{type, config_.embedding, int64_t(row_bytes), reinterpret_cast<const uint8_t*>(table.get())};
    const double floats = kFloat * config_.embedding;
    for (const int rows : kKernelRows) {
      const auto pass = pass_of(stream_, rows, 0, nullptr, 0);
      add("embedding", rows, rows * (double(row_bytes) + floats),
          [&](int) { embed(stream_, pass->get(), reinterpret_cast<const TokenId*>(drafts.get()), rows_of, rows, out.get()); }, options_.weights);
      add("wanted rows", rows, 2 * rows * floats, [&](int) { gather_wanted(stream_, pass->get(), x.get(), rows, config_.embedding, out.get()); });
    }
  }

  void rotation(const std::string& kv) {
    const kv::KvLayout layout{1, config_.kv_heads, config_.head_dim, kv_type(kv), kv::BlockOrder::kTokens};
    const Memory pages(layout.page_bytes());
    const int pairs = config_.head_dim / 2, q_width = config_.heads * config_.head_dim, kv_width = config_.kv_heads * config_.head_dim;
    const Memory frequencies(size_t(pairs) * sizeof(double));
    stream_.to_device(frequencies.get(), config_.plan.ropes[0].frequency.data(), size_t(pairs) * sizeof(double));
    const RopeShape rope{reinterpret_cast<const double*>(frequencies.get()), pairs, 1, config_.plan.ropes[0].interleaved};
    const Floats q(stream_, size_t(kMostKernelRows) * size_t(q_width)), k(stream_, size_t(kMostKernelRows) * size_t(kv_width)),
        v(stream_, size_t(kMostKernelRows) * size_t(kv_width)), angles(stream_, size_t(kMostKernelRows) * 2 * size_t(pairs));
    for (const int rows : kKernelRows) {
      const auto pass = pass_of(stream_, rows, 0, pages.get(), layout.page_bytes());
      if (kv == options_.kv.front())
        add("rope: angles", rows, 2 * kFloat * rows * pairs, [&](int) { rope_angles(stream_, pass->get(), rope, rows, angles.get()); });
      add("rope: append", rows, rows * (kFloat * (2 * q_width + 2 * kv_width) + double(layout.page_bytes()) / kPageTokens),
          [&](int) {
            rope_append(stream_, pass->get(), rope, angles.get(), layout.type, kv_shape(layout, 0), config_.heads, rows, q.get(), k.get(), v.get());
          },
          "", kv);
    }
  }

  void inputs() {
    const int widest = std::max({config_.feed_forward, config_.embedding, config_.heads * config_.head_dim});
    const Floats gate(stream_, size_t(kMostKernelRows) * size_t(widest)), up(stream_, size_t(kMostKernelRows) * size_t(widest)),
        weight(stream_, size_t(config_.embedding));
    const int q_width = config_.heads * config_.head_dim;
    const RowSource plain{RowSource::Kind::kPlain, gate.get(), nullptr, 0, nullptr},
        norm{RowSource::Kind::kRmsNorm, gate.get(), weight.get(), config_.norm_epsilon, nullptr},
        swiglu{RowSource::Kind::kSwiGlu, gate.get(), nullptr, 0, up.get()};
    for (const int rows : kKernelRows)
      for (const auto& [form, called] : {std::pair(InputForm::kBytes, "bytes"), {InputForm::kBF16, "bf16"}})
        for (const auto& [source, of, columns, arrays] :
             {std::tuple(&plain, "plain", q_width, 1), {&norm, "norm", config_.embedding, 1}, {&swiglu, "swiglu", config_.feed_forward, 2}}) {
          const Memory memory(input_bytes(form, rows, columns));
          const Inputs made = place_inputs(form, rows, columns, memory.get());
          add(std::string("inputs: ") + of + ", " + called, rows, rows * (kFloat * arrays * columns + double(form == InputForm::kBytes ? 1 : 2) * columns),
              [&, source = source](int) { make_inputs(stream_, *source, rows, made); });
        }
  }

  // Sums over rows of logits, drafts, and the judgement of as many drafts as make a verify of `rows` rows.
  void rounds() {
    const int vocab = config_.vocab;
    const size_t row_floats = size_t(vocab);
    const Floats p(stream_, kMostKernelRows * row_floats), q(stream_, kMostKernelRows * row_floats);
    const Memory scratch(round_scratch_bytes(kRoundRows, vocab));
    const ops::cuda::OnDevice<Round> round(sizeof(Round));
    const LogitRows p_rows{p.get(), vocab, vocab}, q_rows{q.get(), vocab, vocab};
    Round before{};
    before.temperature = 1;
    before.transfer = 10;
    before.plausibility = 0.1;
    stream_.to_device(round.get(), &before, sizeof before);
    stream_.synchronize();
    const double row_bytes = kFloat * vocab;
    for (const int rows : kKernelRows) {
      const RowSums sums = place_round_scratch(rows, vocab, scratch.get()).p;
      add("sums: largest logits", rows, rows * row_bytes, [&](int) { row_peaks(stream_, p_rows, rows, sums); });
      add("sums: masses", rows, rows * row_bytes, [&](int) { row_masses(stream_, p_rows, rows, round.get(), sums); });
    }
    for (const bool greedy : {true, false})
      add(std::string("draft: ") + (greedy ? "greedy" : "sampled"), 1, row_bytes,
          [&](int) { draft(stream_, q_rows, {greedy, !greedy}, round.get(), 0, scratch.get()); });
    for (int i = 0; i < kRoundRows; i++)  // what is to be judged
      draft(stream_, {q.get() + int64_t(i) * vocab, vocab, vocab}, {false, true}, round.get(), i, scratch.get());
    stream_.synchronize();
    struct Mode {
      const char* called;
      OutputDistribution output;
      bool greedy, bonus_q, keeps_q;  // decoding::traits_of
    };
    for (const Mode& mode : {Mode{"lossless, greedy", OutputDistribution::kTarget, true, false, false}, Mode{"lossless", OutputDistribution::kTarget, false, false, true},
                             Mode{"exact", OutputDistribution::kTransfer, false, true, true}, Mode{"paper", OutputDistribution::kPaper, false, false, true}})
      for (const int rows : kKernelRows) {
        const int judged = mode.bonus_q ? rows : rows - 1;
        const Trial trial{mode.output, mode.greedy, judged, rows, p_rows, q_rows};
        add(std::string("judge: ") + mode.called, rows, (rows + (mode.keeps_q ? judged : 0)) * row_bytes,
            [&](int) { judge(stream_, trial, round.get(), scratch.get()); });
      }
  }

 private:
  // bytes: that a launch reads and writes once.
  template <class Launch>
  void add(const std::string& called, int rows, double bytes, const Launch& launch, const std::string& weights = "", const std::string& kv = "") {
    const double ms = launch_ms(stream_, options_.runs, options_.calls, launch);
    add_kernel(report_, {.model = options_.model, .rows = rows, .weights = weights, .kv = kv, .setting = called, .ms = ms, .runs = options_.runs}, bytes);
  }

  const model::Config config_;
  const Options& options_;
  Report& report_;
  gpu::Stream stream_;
};

}  // namespace

void measure_small_kernels(const Options& options, Report& report) {
  SmallKernels kernels(options, report);
  tried(options.model + ", drafts and judgement", report, [&] { kernels.rounds(); });
  kernels.inputs();
  for (const std::string& kv : options.kv) kernels.rotation(kv);
  kernels.ends();
}

}  // namespace ragdraft::gpu_check
