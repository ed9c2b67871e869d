#!/usr/bin/env bash
# g++ 12.2.0 of Debian 12 (glibc 2.36): a shared library is linked with -static-libstdc++ so that it runs on older systems, and one use of
# std::random_device makes it ask for glibc 2.36: libstdc++.a was compiled where <stdlib.h> has arc4random, and calls it. Linked with the
# shared libstdc++ the same library asks for no arc4random. With libgcc inside too it asks for _dl_find_object of glibc 2.35, for unwinding.
#
# Seen: static libstdc++: arc4random (GLIBC_2.36) and _dl_find_object (GLIBC_2.35); shared libstdc++ and libgcc: neither.
#
# For ragdraft: prebuilds made with this compiler ran on no Ubuntu 22.04, RHEL 9 or Debian 11. Random numbers come from getrandom
# (native/base/system_random.cc), and prebuilds are linked against glibc 2.28 (scripts/cross.cjs).
#
# Needs Debian 12's g++ and binutils; installs nothing. Exits with 1 if the behaviour has changed, with 2 elsewhere.
set -euo pipefail
if [[ "$(g++ -dumpfullversion)" != 12.2.0 || "$(ldd --version)" != *"Debian GLIBC 2.36"* ]]; then
  echo "not Debian 12's g++ 12.2.0 with glibc 2.36"
  exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >seed.cc <<'CC'
#include <random>
extern "C" unsigned seed() { return std::random_device{}(); }
CC
g++ -O2 -shared -fPIC seed.cc -o shared.so
g++ -O2 -shared -fPIC -static-libstdc++ -static-libgcc seed.cc -o static.so
asks() { objdump -T "$1" | sed -n 's/.*(\(GLIBC_2\.3[56]\)) \(.*\)/\2 (\1)/p' | sort | tr '\n' ' '; }
echo "shared libstdc++: $(asks shared.so)"
echo "static libstdc++: $(asks static.so)"
[ "$(asks shared.so)" = "" ] && [ "$(asks static.so)" = "_dl_find_object (GLIBC_2.35) arc4random (GLIBC_2.36) " ] || { echo "changed"; exit 1; }
echo "as described: what was to make it run on older systems makes it run on newer ones only"
