#!/bin/sh
# Next 16.4.6 (Turbopack): files that an external package reads by path.join(__dirname, '..', 'file'), compiled by TypeScript 5.9.3.
#
# Behaviour: with `output: 'standalone'` Next copies the files that a package of serverExternalPackages opens by such a path. Where the file
# lies outside the module's own folder and the package was compiled to CommonJS from `import * as path from 'node:path'` with esModuleInterop, which gives
# `const path = __importStar(require("node:path"))`, the file is left out without a word and the deployed route fails with ENOENT. From
# `import path = require('node:path')`, which gives `const path = require("node:path")`, the same file is copied. @vercel/nft 1.11.5, which
# `next build --webpack` uses, copies both.
#
# Seen:
#   import * as path from 'node:path'         Next: left out   @vercel/nft: copied
#   import path = require('node:path')        Next: copied     @vercel/nft: copied
#
# What it means for us: the modules that name the prebuilt binaries and the files of the demo import `path` the second way; a test of
# @vercel/nft alone would not have shown it, so scripts/check-package.cjs builds a Next application too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p app/star app/equals source node_modules
cat > package.json <<'JSON'
{ "private": true }
JSON
npm install --ignore-scripts --no-audit --no-fund --silent next@16.4.6 react@19.2.0 react-dom@19.2.0 @vercel/nft@1.11.5 typescript@5.9.3 @types/node@20.19.43
for kind in star equals; do
  import="import * as path from 'node:path'"
  [ "$kind" = equals ] && import="import path = require('node:path')"
  printf "%s\nimport { readFileSync } from 'node:fs'\nexport const read = () => readFileSync(path.join(__dirname, '..', 'data', 'data.txt'), 'utf8')\n" "$import" > "source/$kind.ts"
  package="node_modules/reads-$kind"
  mkdir -p "$package/data"
  node_modules/.bin/tsc --module commonjs --target es2022 --esModuleInterop --types node --outDir "$package/dist" "source/$kind.ts"
  echo "{ \"name\": \"reads-$kind\", \"version\": \"1.0.0\", \"main\": \"dist/$kind.js\" }" > "$package/package.json"
  echo hello > "$package/data/data.txt"
  printf "import { read } from 'reads-%s'\nexport const dynamic = 'force-dynamic'\nexport const GET = () => new Response(read())\n" "$kind" > "app/$kind/route.js"
  echo "require('reads-$kind').read()" > "trace-$kind.cjs"
done
echo "export default function Layout({ children }) { return <html><body>{children}</body></html> }" > app/layout.js
cat > next.config.js <<'JS'
module.exports = { output: 'standalone', outputFileTracingRoot: __dirname, serverExternalPackages: ['reads-star', 'reads-equals'] }
JS
NEXT_TELEMETRY_DISABLED=1 node_modules/.bin/next build > build.log 2>&1 || { cat build.log; exit 1; }
found() { if [ -e "$1" ]; then echo copied; else echo 'left out'; fi; }
traced() {
  node -e "require('@vercel/nft').nodeFileTrace(['trace-$1.cjs'], { base: '.' }).then(({ fileList }) =>
    console.log(fileList.has('node_modules/reads-$1/data/data.txt') ? 'copied' : 'left out'))"
}
for kind in star equals; do
  echo "$(head -1 source/$kind.ts)   Next: $(found .next/standalone/node_modules/reads-$kind/data/data.txt)   @vercel/nft: $(traced $kind)"
done | tee seen
[ "$(cat seen)" = "import * as path from 'node:path'   Next: left out   @vercel/nft: copied
import path = require('node:path')   Next: copied   @vercel/nft: copied" ]
