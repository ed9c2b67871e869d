import { PassThrough } from 'node:stream'
import t from 'tap'
import { inSlices } from '../../../lib/base/steps'
import { progressView } from '../../../lib/cli/progress'
import type { Progress } from '../../../lib/options/progress'

function view({ isTTY = false, columns = 80 } = {}) {
  const stream = Object.assign(new PassThrough(), isTTY ? { isTTY, columns } : {})
  const clock = { now: 0 }
  return { clock, shown: () => String(stream.read() ?? ''), ...progressView(stream, () => clock.now) }
}

const index = (processed: number): Progress => ({ phase: 'index', processed, total: 8090 })
const reading = (processed: number, cached = 0): Progress => ({ phase: 'prefill-target', processed, total: 1000, cached })

for (const isTTY of [true, false]) {
  t.test(`a phase has one last line, however often it is told to be complete (${isTTY ? 'terminal' : 'pipe'})`, async (t) => {
    const { update, named, shown } = view({ isTTY })
    for (const processed of [2000, 8090, 8090, 8090]) update(index(processed))
    t.equal(shown().match(/Indexing.*100 % {2}8,090 characters\n/g)?.length, 1)
    update(index(8090))
    t.equal(shown(), '')
    for (const show of [update, named('Loading the drafter')]) show({ phase: 'load', processed: 12e6, total: 12e6 })
    t.match(shown(), /Loading the model.*100 % {2}12 MB\n[\s\S]*Loading the drafter.*100 % {2}12 MB\n$/, 'two models are two phases')
    update(index(0))
    update(index(8090))
    t.match(shown(), /Indexing.*100 %.*\n$/, 'what begins anew ends anew')
  })
}

t.test('on a terminal progress is a bar that redraws itself and ends its line', async (t) => {
  const { update, clear, shown, clock } = view({ isTTY: true })
  update(reading(0))
  t.match(shown(), /^\r.*Reading +\[\.{24}\] {3}0 %/)
  update(reading(10))
  t.equal(shown(), '', 'not more often than the eye can follow')
  clock.now = 100
  update(reading(500))
  t.match(shown(), /\[#{12}\.{12}\] {2}50 % {2}500 of 1,000 tokens$/)
  update(reading(1000))
  t.match(shown(), /\[#{24}\] 100 % {2}1,000 tokens\n$/)
  clear()
  t.equal(shown(), '', 'nothing to clear')
})

t.test('of a question the new tokens are counted, and on a terminal the answer takes the place of the bar', async (t) => {
  const terminal = view({ isTTY: true })
  terminal.update(reading(980, 978))
  terminal.update(reading(1000, 978))
  t.match(terminal.shown(), /Reading the question.*2 of 22 tokens\r.*100 % {2}22 tokens$/)
  terminal.clear()
  t.equal(terminal.shown(), '\r\x1b[2K')
  const pipe = view()
  pipe.update(reading(1000, 978))
  t.equal(pipe.shown(), '', 'not worth a line')
  pipe.clock.now = 6000
  pipe.update(reading(980, 978))
  t.equal(pipe.shown(), 'Reading the question: 9 %  2 of 22 tokens\n', 'unless it takes long')
})

t.test('slices tell of the end once, and never before it', async (t) => {
  const heard: number[] = []
  const busy = (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; );
  }
  function* steps() {
    for (const done of [5, 10, 10, 10]) {
      busy(15) // longer than a slice
      yield done
    }
  }
  await inSlices(steps(), { total: 10, onProgress: (done) => heard.push(done) })
  t.same(heard, [5, 10])
})
