#!/usr/bin/env bash
# cmake-js 8.0.0: `cmake-js build` takes options for CMake (--CDNAME=VALUE, --debug), but hands them over only when its folder was never
# configured. A later `build` with another value exits with 0 and builds with the old one; `configure` and `compile` take the new value.
#
# Seen: after build --CDCOLOUR=red and build --CDCOLOUR=blue the cache holds red; after configure --CDCOLOUR=blue it holds blue.
#
# For ragdraft: who sets an option after the first build would get the old build without a word, so scripts/build/compile.cjs always runs
# `cmake-js configure`, then `cmake --build`.
#
# Needs Node, npm, CMake and a C compiler. Exits with 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >package.json <<'JSON'
{ "name": "colours", "version": "1.0.0", "binary": { "napi_versions": [9] } }
JSON
cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.18)
project(colours C)
set(COLOUR "none" CACHE STRING "")
add_custom_target(show ALL COMMAND ${CMAKE_COMMAND} -E echo "built in ${COLOUR}")
CMAKE
npm install --silent --no-save --no-package-lock --no-audit --no-fund cmake-js@8.0.0

colour() { sed -n 's/^COLOUR:STRING=//p' build/CMakeCache.txt; }
npx cmake-js build --CDCOLOUR=red >first.log 2>&1
first=$(colour)
npx cmake-js build --CDCOLOUR=blue >second.log 2>&1
second=$(colour)
npx cmake-js configure --CDCOLOUR=blue >third.log 2>&1
third=$(colour)
echo "build red: $first; then build blue: $second; then configure blue: $third"
[ "$first $second $third" = "red red blue" ] || { echo "changed"; exit 1; }
grep -q "built in red" second.log || { echo "changed: the second build did not say red"; exit 1; }
echo "as described: build keeps the options of the first configuration, and says nothing"
