#!/usr/bin/env bash
# Tests and measures the CUDA backend on this machine's GPU within eight minutes: builds for the card, runs the kernel and model tests on
# random data, measures passes and kernels against the card's own peaks, then compute-sanitizer and PyTorch where they are installed. Needs
# CMake, a C++20 compiler and nvcc; no Node.
#   tools/gpu-check/run.sh [--seconds 480] [--json FILE] [--tests PART-OF-TITLE] [--programs FOLDER] [--alone] [name=value]...
# --json: lines of JSON, one for every figure as soon as it is known, default build/gpu-check/report.jsonl; --programs: of gpu_tests and
# gpu_check, built before; --alone: without compute-sanitizer and PyTorch. models=, weights= (of passes) and kernel_weights= are lists with
# commas; other name=value go to gpu_check (tools/gpu-check/options.h).
# The last line is "N passed, N failed"; the status is 0 if none failed, 1 if some did, 2 if there is nothing to check on.
set -uo pipefail
cd "$(dirname "$0")/../.."

seconds=480 json=build/gpu-check/report.jsonl tests='' programs='' alone='' arguments=()
models=llama-3.1-8b,qwen2.5-7b weights=BF16,Q8_0 kernel_weights=BF16,Q8_0,Q4_0,Q4_K,Q6_K,Q5_K,F16,F32
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?} && shift 2 ;;
    --json) json=${2:?} && shift 2 ;;
    --tests) tests=${2?} && shift 2 ;;
    --programs) programs=${2:?} && shift 2 ;;
    --alone) alone=yes && shift ;;
    models=*) models=${1#*=} && shift ;;
    weights=*) weights=${1#*=} && shift ;;
    kernel_weights=*) kernel_weights=${1#*=} && shift ;;
    *=*) arguments+=("$1") && shift ;;
    *) echo "gpu-check: unknown argument $1" >&2 && exit 2 ;;
  esac
done
case $seconds in
  '' | *[!0-9]*) echo "gpu-check: --seconds is a whole number, not '$seconds'" >&2 && exit 2 ;;
esac

passed=0 failures=()
left() { echo $((seconds - SECONDS)); }
least() { if [ "$1" -lt "$2" ]; then echo "$1"; else echo "$2"; fi; }
step() { printf '\n== %s (%s s left)\n' "$*" "$(left)"; }
nothing() { echo "gpu-check: $*" >&2 && exit 2; }
fail() { echo "not ok - $*" && failures+=("$*"); }
# Counts the lines of a log that begin with "ok" and "not ok".
count() {
  passed=$((passed + $(grep -c '^ok ' "$1")))
  mapfile -t -O ${#failures[@]} failures < <(sed -nE 's/^not ok ([0-9]+ )?- //p' "$1")
}
# Says what went wrong with a program of a log unless the log says it. NAME STATUS LOG
ended() {
  case $2 in
    0) ;;
    124 | 137) fail "$1: it did not end in time, or was killed" ;;
    *) grep -q '^not ok ' "$3" || fail "$1: it ended with status $2: $(tail -1 "$3")" ;;
  esac
}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

if [ -z "$programs" ]; then
  step "build for the card"
  command -v cmake >/dev/null || nothing "cmake is not installed"
  [ ! -x /usr/local/cuda/bin/nvcc ] || PATH=$PATH:/usr/local/cuda/bin
  command -v nvcc >/dev/null || [ -n "${CUDACXX:-}" ] || nothing "nvcc is not on the PATH"
  architecture=${RAGDRAFT_CUDA_ARCHITECTURES:-}
  if [ -z "$architecture" ]; then
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d .) || capability=
    case $capability in
      [89][0-9] | 1[0-9][0-9]) ;;
      *) nothing "nvidia-smi names no GPU of compute capability 8.0 or later (RAGDRAFT_CUDA_ARCHITECTURES=90a-real builds without one)" ;;
    esac
    [ "$capability" = 90 ] && capability=90a
    architecture=$capability-real
  fi
  programs=build/gpu-check
  generator=()
  if command -v ninja >/dev/null && [ ! -e $programs/CMakeCache.txt ]; then generator=(-G Ninja); fi
  cmake -S . -B $programs "${generator[@]}" -DRAGDRAFT_BUILD_GPU_CHECK=ON -DRAGDRAFT_CUDA_ARCHITECTURES="$architecture" >"$logs/build" 2>&1 &&
    timeout "$(left)" cmake --build $programs --target gpu_tests gpu_check --parallel "$(nproc)" >>"$logs/build" 2>&1 ||
    { tail -40 "$logs/build" && nothing "the build failed"; }
fi
programs=$(cd "$programs" && pwd) || nothing "no folder $programs"
mkdir -p "$(dirname "$json")"

step "tests on random data"
# File by file: after a kernel that went wrong no other runs in the same process. Several at once: what takes long is the oracle on the host.
export RAGDRAFT_TEST_TIER=full # a card is quick
if [ -n "$tests" ]; then parts=("$tests"); else parts=(test/cpp/cuda/*_test.cc) && parts=("${parts[@]##*/}"); fi
jobs=1
if nvidia-smi --query-gpu=compute_mode --format=csv,noheader 2>/dev/null | grep -q '^Default'; then jobs=$(least "$(nproc)" 8); fi
test_part() {
  timeout "$(least 60 "$(left)")" "$programs/gpu_tests" "$2" >"$logs/tests.$1" 2>&1
  echo $? >"$logs/status.$1"
  cat "$logs/tests.$1"
}
for i in "${!parts[@]}"; do
  while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n; done
  test_part "$i" "${parts[i]}" &
done
wait
for i in "${!parts[@]}"; do
  if grep -q '^Bail out!' "$logs/tests.$i"; then nothing "there is no GPU to check on"; fi
  count "$logs/tests.$i"
  ended "${parts[i]}" "$(cat "$logs/status.$i")" "$logs/tests.$i"
done

step "figures"
# A process for each part: after a kernel that went wrong no other runs in the same process. The most important parts come first.
printf '{"commit":"%s","date":"%s"}\n' "$(git describe --always --dirty 2>/dev/null)" "$(date -u +%FT%TZ)" >"$json"
reserve=$((${#alone} > 0 ? 0 : 90)) # seconds for what follows
measure() { # SECONDS ARGUMENT...
  local limit=$1 name
  shift
  name=${*//[a-z]*=/}
  if [ $(($(left) - reserve)) -lt "$limit" ]; then echo "skipped: $name: no time is left for it" && return; fi
  timeout -k 5 "$limit" "$programs/gpu_check" "$@" "json=$json" "${arguments[@]}" 2>&1 | tee "$logs/figures"
  local status=${PIPESTATUS[0]}
  count "$logs/figures"
  ended "$name" "$status" "$logs/figures"
}
for model in ${models//,/ }; do
  for type in ${weights//,/ }; do measure 90 part=passes "model=$model" "weights=$type"; done
  measure 25 part=attention "model=$model"
  for type in ${kernel_weights//,/ }; do measure 25 part=linear "model=$model" "weights=$type"; done
  measure 25 part=small "model=$model"
done

step "compute-sanitizer"
# Small ones: it slows a kernel down a hundred times.
small=("rows_test.cc: gather" "tensor_core_test.cc: ldmatrix" "rope_test.cc: without queries" "inputs_test.cc: a group with"
  "linear_test.cc: products of one launch" "linear_float_test.cc: products of one launch" "attention_test.cc: pages lie anywhere"
  "judge_test.cc: a row without" "model_test.cc: a repeated cache")
if [ -n "$alone" ] || ! command -v compute-sanitizer >/dev/null; then
  echo "skipped: not asked for, or not installed"
else
  for tool in memcheck racecheck synccheck; do
    for test in "${small[@]}"; do
      limit=$(least 20 $(($(left) - 40)))
      if [ "$limit" -le 2 ]; then echo "skipped: $tool of $test: no time is left for it" && continue; fi
      timeout "$limit" compute-sanitizer --tool $tool --error-exitcode 9 "$programs/gpu_tests" "$test" >"$logs/sanitizer" 2>&1
      status=$?
      if grep -q 'not supported' "$logs/sanitizer"; then echo "skipped: $(grep -m1 'not supported' "$logs/sanitizer")" && break 2; fi
      case $status in
        0) echo "ok - $tool: $test" && passed=$((passed + 1)) ;;
        124) echo "skipped: $tool of $test took over $limit s" ;;
        *) tail -30 "$logs/sanitizer" && fail "$tool: $test" ;;
      esac
    done
  done
fi

step "PyTorch beside"
limit=$(($(left) - 5))
if [ -n "$alone" ]; then echo "skipped: not asked for"
elif ! python3 -c 'import torch, transformers' 2>/dev/null; then echo "skipped: python3 has no torch and transformers"
elif [ "$limit" -lt 20 ]; then echo "skipped: no time is left for it"
else timeout "$limit" python3 tools/gpu-check/torch_decode.py "$json" || echo "skipped: it ended with status $?"
fi

printf '\nreport: %s\n' "$json"
for failure in "${failures[@]}"; do echo "failed: $failure"; done
printf '%d passed, %d failed\n' "$passed" "${#failures[@]}"
[ "${#failures[@]}" -eq 0 ]
