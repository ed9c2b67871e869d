/** The C++ tests, built on first use. */
import t from 'tap'

t.test('C++ tests', async (t) => {
  await t.spawn(process.execPath, ['scripts/native-tests.cjs'], {}, 'native_tests')
})
