#!/bin/sh
# Objects compiled for one instruction set must not offer code to others: the linker keeps one copy of a weak symbol for all
# callers, and an AVX-512 copy of an inline function would crash the AVX2 path. Fails if any object has a weak or unique symbol.
# Usage: check-isa-symbols.sh <build directory of CMake>   (ELF objects)
set -eu
build=${1:?usage: check-isa-symbols.sh <build directory>}
count=$(find "$build" -path '*ragdraft_isa_*' -name '*.o' | wc -l)
if [ "$count" -eq 0 ]; then
  echo "check-isa-symbols: no kernel objects under $build" >&2
  exit 2
fi
# W, w, V, v: weak, defined or not; u: unique in the process.
if find "$build" -path '*ragdraft_isa_*' -name '*.o' -exec nm -A -C {} + | grep -E ' [WwVvu] '; then
  echo "check-isa-symbols: the symbols above can be merged across instruction sets" >&2
  exit 1
fi
echo "check-isa-symbols: $count objects, no weak symbols"
