#!/usr/bin/env bash
# Fuzzes what reads untrusted bytes in C++: GGUF files, the configuration and weights of a model, packed weights. See test/fuzz/README.md.
#   scripts/fuzz.sh [SECONDS for all together, default 60]
# The readers in TypeScript (tokenizer, template) are fuzzed by test/ts/fuzz.test.ts.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
case $seconds in
  '' | *[!0-9]* | 0) echo "fuzz.sh: SECONDS must be a positive whole number, not '$seconds'" >&2; exit 2 ;;
esac

clangxx=${CLANGXX:-}
if [ -z "$clangxx" ]; then
  # clang++, or the newest clang++-N.
  clangxx=$(command -v clang++ || compgen -c clang++- | sort -u -t- -k2 -n | grep -E '^clang\+\+-[0-9]+$' | tail -1 || true)
fi
if [ -z "$clangxx" ]; then
  echo "fuzz.sh: clang++ not found; libFuzzer needs clang (Debian: apt install clang libclang-rt-dev), or set CLANGXX" >&2
  exit 3
fi
clang=${clangxx/clang++/clang}
build=build/fuzz
subjects=(gguf model weights)
mkdir -p "$build/seeds" "$build/artifacts"
for subject in "${subjects[@]}"; do mkdir -p "$build/corpus/$subject"; done
probe='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
if ! echo "$probe" | "$clangxx" -x c++ -fsanitize=fuzzer,address,undefined -o "$build/probe" - ; then
  echo "fuzz.sh: $clangxx cannot link libFuzzer and the sanitizers (Debian: apt install libclang-rt-dev)" >&2
  exit 3
fi

cmake -S . -B "$build" -DCMAKE_C_COMPILER="$clang" -DCMAKE_CXX_COMPILER="$clangxx" -DRAGDRAFT_BUILD_FUZZERS=ON -DRAGDRAFT_CUDA=OFF
cmake --build "$build" --target "${subjects[@]/%/_fuzzer}" make_corpus --parallel "$(nproc 2>/dev/null || echo 2)"
"$build/test/fuzz/make_corpus" "$build/seeds"
fuzz() { # SUBJECT SECONDS [options]
  local subject=$1 time=$2
  shift 2
  "$build/test/fuzz/${subject}_fuzzer" -max_total_time="$time" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    "$@" -artifact_prefix="$build/artifacts/" "$build/corpus/$subject" "$build/seeds/$subject"
}
fuzz gguf $(((seconds + 1) / 2)) -dict=test/fuzz/gguf.dict
fuzz model $(((seconds + 2) / 3)) -max_len=256
fuzz weights $(((seconds + 5) / 6))
