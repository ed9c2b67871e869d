/** The layers of lib and its freedom from circles, as .dependency-cruiser.cjs states them. */
import { spawnSync } from 'node:child_process'
import * as path from 'node:path'
import t from 'tap'

const root = path.join(__dirname, '..', '..')
const program = path.join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs')

t.test('imports of lib, of types too, go one way and in no circle', async (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'lib'], { cwd: root, encoding: 'utf8' })
  t.equal(status, 0, stdout + stderr)
})
