/**
 * An HTTP server that answers questions about one document. Model and document are loaded once and shared by all requests; a client that
 * disconnects stops its answer.
 *
 *     npx tsx examples/server.mts MODEL.gguf DOCUMENT.txt 8080
 *     curl --no-buffer --data 'Who is Pierre in love with?' http://127.0.0.1:8080/ask
 *
 * A response is lines of JSON: { delta } for each piece of text as it comes, then { citations, finishReason }, or { error } in its place.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { loadModel, RagdraftError } from 'ragdraft'

const [modelFile, textFile, port = '8080'] = process.argv.slice(2) as [string, string, string?]
const mostBytes = 10_000

await using model = await loadModel(modelFile)
await using doc = await model.open({ path: textFile })

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST' || request.url !== '/ask') return void response.writeHead(404).end()
  const { 'content-length': length } = request.headers
  if (length === undefined || Number(length) > mostBytes) return void response.writeHead(length === undefined ? 411 : 413).end()

  const disconnected = new AbortController()
  response.on('close', () => disconnected.abort())
  const { signal } = disconnected
  // A client that reads slowly is waited for; the answer meanwhile goes on in memory.
  const send = async (line: object) => {
    if (!response.write(`${JSON.stringify(line)}\n`)) await once(response, 'drain', { signal })
  }
  try {
    const answer = doc.ask(await text(request), { signal })
    response.setHeader('content-type', 'application/x-ndjson; charset=utf-8')
    for await (const delta of answer) await send({ delta })
    const { citations, finishReason } = await answer
    await send({ citations, finishReason })
    response.end()
  } catch (error) {
    if (signal.aborted) return // nobody is left to tell
    const known = error instanceof RagdraftError
    if (!known) console.error(error)
    const told = known ? { code: error.code, message: error.message } : { code: 'ERR_INTERNAL', message: 'see the log' }
    const theirs = told.code === 'ERR_INVALID_ARGUMENT' || told.code === 'ERR_CONTEXT_OVERFLOW'
    if (!response.headersSent) response.statusCode = theirs ? 400 : 500
    response.end(`${JSON.stringify({ error: told })}\n`)
  }
}

const server = createServer((request, response) => void answer(request, response))
server.listen(Number(port), '127.0.0.1')
await once(server, 'listening')
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ask`)

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
server.close()
server.closeAllConnections() // and so their answers end, before document and model are closed
