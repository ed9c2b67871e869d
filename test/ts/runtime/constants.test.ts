/** The bounds that both sides of the border know. */
import t from 'tap'
import { askOptions } from '../../../lib/options/ask'
import { native } from '../../../lib/runtime/addon/load'
import { FakeBinding } from '../../helpers/fake-binding'

t.test('the binding exports its bounds, and the fake of the tests has the same', async (t) => {
  const { constants } = native()
  t.same(constants, new FakeBinding().constants)
})

t.test('draftLength goes up to what a round can draft', async (t) => {
  const { maxDraftLength } = native().constants
  t.equal(askOptions.draftLength.field.read(maxDraftLength, 'draftLength'), maxDraftLength)
  t.throws(() => askOptions.draftLength.field.read(maxDraftLength + 1, 'draftLength'), { code: 'ERR_INVALID_ARGUMENT' })
})
