'use strict'
// Does the quick tier notice what is broken? One line is changed in a copy of the tree, the tests that should fail are run, and they must.
//   node scripts/mutants.cjs [--all] [part of a mutant's name ...]     --all: the whole quick tier for each, minutes each
// Run by hand, and after a change of the tests. The copy is built once and then piece by piece; ccache shortens that.
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const root = path.resolve(__dirname, '..')

/** tests: parts of titles of C++ tests, or test files. */
const mutants = [
  {
    name: 'the tail of a row is not summed',
    file: 'native/ops/cpu/isa/elementwise.cc',
    find: 'for (; i < count; i += kLanes) {',
    replace: 'for (; i + kLanes <= count; i += kLanes) {',
    tests: ['linear_input_test'],
  },
  {
    name: 'the last columns of a float product are left out',
    file: 'native/ops/cpu/isa/linear/linear.cc',
    find: 'std::memcpy(tail, values, size_t(columns - step) * sizeof(float));',
    replace: 'std::memcpy(tail, values, size_t(columns - step - 1) * sizeof(float));',
    tests: ['linear_test'],
  },
  {
    name: 'a fork does not count its pages',
    file: 'native/kv/sequence.cc',
    find: 'for (PageId page : copy->table_) cache_->pool.retain(page);',
    replace: '',
    tests: ['kv_test'],
  },
  {
    name: 'a shared page is written without being copied',
    file: 'native/kv/page_pool.cc',
    find: 'return pages_[index(id)].references > 1;',
    replace: 'return pages_[index(id)].references > 2;',
    tests: ['kv_test'],
  },
  {
    name: 'a rollback keeps one token too many',
    file: 'native/decoding/sequence_state.cc',
    find: 'if (model_.length() > length_) model_.truncate(length_);',
    replace: 'if (model_.length() > length_ + 1) model_.truncate(length_ + 1);',
    tests: ['decoder_test', 'device_round_test'],
  },
  {
    name: 'a draft stands by another number than its own',
    file: 'native/decoding/accept.cc',
    find: 'if (rng.uniform(position, Purpose::kAccept) <= probability) return {draft, true};',
    replace: 'if (rng.uniform(position, Purpose::kResample) <= probability) return {draft, true};',
    tests: ['decoder_distribution_test'],
  },
  {
    name: 'the residual of a rejected draft is the target',
    file: 'native/decoding/accept.cc',
    find: 'out[i] = std::max(target[i] - q[i], Real(0));',
    replace: 'out[i] = target[i];',
    tests: ['accept_test', 'decoder_distribution_test'],
  },
  {
    name: 'the transferred distribution forgets the target',
    file: 'native/decoding/transfer.cc',
    find: 'return std::exp(std::log(double(p[i])) + step.eta * (double(q[i]) - double(p[i])) - peak);',
    replace: 'return std::exp(std::log(double(p[i])) + step.eta * double(q[i]) - peak);',
    tests: ['transfer_test'],
  },
  {
    name: 'drafting may lose twice as much',
    file: 'native/decoding/policy/ledger.h',
    find: 'static constexpr double kShare = 0.03;',
    replace: 'static constexpr double kShare = 0.06;',
    tests: ['draft_policy_test', 'drafter_choice_test'],
  },
  {
    name: 'top-p keeps one token more',
    file: 'native/sampling/sampler.cc',
    find: 'if (!nucleus.keeps(w)) w = 0;',
    replace: 'if (!nucleus.keeps(w * 1.01f)) w = 0;',
    tests: ['sampler_test'],
  },
  {
    name: 'the digest of packed weights forgets the last bytes',
    file: 'native/base/digest.cc',
    find: '!rest.empty()) update_rest',
    replace: 'rest.size() > 8) update_rest',
    tests: ['digest_test', 'weights_store_test'],
  },
  {
    name: 'a tensor may end behind the file',
    file: 'native/io/gguf/gguf_tensors.cc',
    find: 'if (entry.offset > available || entry.bytes > available - entry.offset) {',
    replace: 'if (entry.offset > available || entry.bytes > available) {',
    tests: ['gguf_malformed_test'],
  },
  {
    name: 'a citation ends one word early',
    file: 'lib/cite/quote-index.ts',
    find: 'return { start: this.#starts[documentAt + first]!, end: this.#ends[documentAt + last]! }',
    replace: 'return { start: this.#starts[documentAt + first]!, end: this.#ends[documentAt + last - 1]! }',
    tests: ['test/ts/cite/quote-index.test.ts'],
  },
  {
    name: 'a stop string is part of the text',
    file: 'lib/tokenizer/text-stream.ts',
    find: 'start = found\n',
    replace: 'start = foundEnd\n',
    tests: ['test/ts/tokenizer/text-stream.test.ts'],
  },
  {
    name: 'BM25 is multiplied by the words that matched',
    file: 'lib/retrieve/lexical.ts',
    find: 'credit(id, score / queryTerms.length)',
    replace: 'credit(id, score)',
    tests: ['test/ts/retrieve/lexical.test.ts'],
  },
  {
    name: 'of equal merges the right one comes first',
    file: 'lib/tokenizer/merge.ts',
    find: '(a.rank === b.rank && a.left < b.left)',
    replace: '(a.rank === b.rank && a.left > b.left)',
    tests: ['test/ts/tokenizer/tokenizer.test.ts'],
  },
  {
    name: 'a template may print a message twice',
    file: 'lib/prompt/template.ts',
    find: 'if (!slot || printed.has(index))',
    replace: 'if (!slot)',
    tests: ['test/ts/prompt/template.test.ts'],
  },
  {
    name: 'a chunk is one token too long',
    file: 'lib/document/chunk.ts',
    find: 'if (tokens <= maxTokens) {\n      // Separators',
    replace: 'if (tokens <= maxTokens + 1) {\n      // Separators',
    tests: ['test/ts/document/chunk.test.ts'],
  },
  {
    name: 'hits beyond the budget are taken',
    file: 'lib/retrieve/select.ts',
    find: 'left -= chunk.tokens',
    replace: 'left -= 1',
    tests: ['test/ts/retrieve/select.test.ts'],
  },
]

const args = process.argv.slice(2)
const all = args.includes('--all')
const parts = args.filter((arg) => arg !== '--all')
const wanted = parts.length === 0 ? mutants : mutants.filter(({ name, file }) => parts.some((part) => `${file}: ${name}`.includes(part)))
if (wanted.length === 0) throw new Error('no mutant has such a name')

const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'ragdraft-mutants-'))
process.on('exit', () => fs.rmSync(copy, { recursive: true, force: true }))
const list = spawnSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' })
if (list.status !== 0) throw new Error(`git ls-files: ${list.stderr}`)
for (const file of list.stdout.split('\0').filter((name) => name !== '' && fs.existsSync(path.join(root, name)))) {
  fs.mkdirSync(path.dirname(path.join(copy, file)), { recursive: true })
  fs.copyFileSync(path.join(root, file), path.join(copy, file))
}
fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'), 'junction')

const env = { ...process.env, RAGDRAFT_TEST_TIER: 'quick', RAGDRAFT_CUDA_BUILD: 'OFF' }
function run(...command) {
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: copy, encoding: 'utf8', env, maxBuffer: 2 ** 30 })
  return { passed: status === 0, output: `${stdout}${stderr}` }
}
const isNative = (mutant) => mutant.file.startsWith('native/')
/** Whether the tests pass, and the first words that say they do not. */
function test(mutant) {
  if (all || !mutant.tests.every((name) => name.endsWith('_test'))) {
    if (isNative(mutant) && !run('scripts/build.cjs').passed) return { passed: false, output: 'not ok - it does not compile' }
    return run('scripts/test.cjs', ...(all ? [] : mutant.tests))
  }
  return run('scripts/native-tests.cjs', ...mutant.tests)
}

console.error('the copy without a change')
for (const prepare of [
  ['scripts/build.cjs'],
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
  ['scripts/native-tests.cjs', 'tier_test'],
]) {
  const { passed, output } = run(...prepare)
  if (!passed) throw new Error(`${prepare.join(' ')}:\n${output.slice(-4000)}`)
}
const verdicts = []
for (const mutant of wanted) {
  const file = path.join(copy, mutant.file)
  const before = fs.readFileSync(file, 'utf8')
  const places = before.split(mutant.find).length - 1
  if (places !== 1) throw new Error(`${mutant.file} has ${places} places like ${JSON.stringify(mutant.find)}; the mutant needs one`)
  const clean = all ? { passed: true } : test({ ...mutant, file: 'lib/none' })
  fs.writeFileSync(
    file,
    before.replace(mutant.find, () => mutant.replace),
  )
  const { passed, output } = test(mutant)
  fs.writeFileSync(file, before)
  // A build that broke is no test that failed; a program of tests that died is one.
  const failed = /^ *not ok (?:\d+ )?- (.*?)(?: #.*)?$/m.exec(output)?.[1]
  const found = failed ?? (/^TAP version/m.test(output) ? `the tests died: ${/what\(\): +(.*)/.exec(output)?.[1] ?? 'a crash'}` : undefined)
  const verdict = !clean.passed ? 'fails without the change' : passed ? 'NOT CAUGHT' : found ? 'caught' : 'BROKE'
  verdicts.push(verdict)
  console.log(`${verdict}: ${mutant.file}: ${mutant.name}${found ? ` (${found})` : ''}`)
  if (verdict === 'BROKE') console.error(output.slice(-2000))
}
const caught = verdicts.filter((verdict) => verdict === 'caught').length
console.log(`\n${caught} of ${verdicts.length} caught`)
process.exitCode = caught === verdicts.length ? 0 : 1
