/** GitHub would take the workflows, as far as its schema and two linters know. */
import { spawnSync } from 'node:child_process'
import t from 'tap'

const { status, stdout, stderr } = spawnSync('sh', ['scripts/lint-workflows.sh'], { encoding: 'utf8' })
const missing = /lint-workflows: (.*) is missing/.exec(stderr)

t.test('.github/workflows passes scripts/lint-workflows.sh', { skip: missing ? `no ${missing[1]}` : false }, (t) => {
  t.equal(status, 0, stdout + stderr)
  t.end()
})
