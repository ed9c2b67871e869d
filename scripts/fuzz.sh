#!/usr/bin/env bash
# Fuzzes the readers of GGUF files and of packed weights: scripts/fuzz.sh [SECONDS for both together, default 60]. See fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
case $seconds in
  '' | *[!0-9]* | 0) echo "fuzz.sh: SECONDS must be a positive whole number, not '$seconds'" >&2; exit 2 ;;
esac

clangxx=${CLANGXX:-}
if [ -z "$clangxx" ]; then
  for candidate in clang++ clang++-{20,19,18,17,16,15,14}; do
    if command -v "$candidate" >/dev/null; then clangxx=$candidate; break; fi
  done
fi
if [ -z "$clangxx" ]; then
  echo "fuzz.sh: clang++ not found; libFuzzer needs clang (Debian: apt install clang libclang-rt-14-dev), or set CLANGXX" >&2
  exit 3
fi
clang=${clangxx/clang++/clang}
build=build/fuzz
mkdir -p "$build/seeds" "$build/corpus/gguf" "$build/corpus/weights" "$build/artifacts"
probe='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
if ! echo "$probe" | "$clangxx" -x c++ -fsanitize=fuzzer,address,undefined -o "$build/probe" - ; then
  echo "fuzz.sh: $clangxx cannot link libFuzzer and the sanitizers (Debian: apt install libclang-rt-14-dev)" >&2
  exit 3
fi

cmake -S . -B "$build" -DCMAKE_C_COMPILER="$clang" -DCMAKE_CXX_COMPILER="$clangxx" -DRAGDRAFT_BUILD_FUZZERS=ON -DRAGDRAFT_CUDA=OFF
cmake --build "$build" --target gguf_fuzzer weights_fuzzer make_corpus --parallel 2
"$build/fuzz/make_corpus" "$build/seeds"
fuzz() { # SUBJECT SECONDS [options]
  local subject=$1 time=$2
  shift 2
  "$build/fuzz/${subject}_fuzzer" -max_total_time="$time" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    "$@" -artifact_prefix="$build/artifacts/" "$build/corpus/$subject" "$build/seeds/$subject"
}
fuzz gguf $(((seconds * 3 + 3) / 4)) -dict=fuzz/gguf.dict
fuzz weights $(((seconds + 3) / 4))
