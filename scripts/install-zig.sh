#!/bin/sh
# zig's compiler for scripts/cross.cjs on a machine of the workflows: the version that docs/platforms.md names, from the Python registry, as `zig`.
set -eu
version=0.17.1
folder=${1:-$HOME/.local/share/ragdraft-zig}
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet "ziglang==$version"
program=$("$folder/bin/python" -c 'import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), "zig"))')
"$program" version
if [ -n "${GITHUB_ENV:-}" ]; then echo "RAGDRAFT_ZIG=$program" >>"$GITHUB_ENV"; else echo "export RAGDRAFT_ZIG=$program"; fi
