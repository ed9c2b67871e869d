/** What is printed of an answer's rounds. */
import t from 'tap'
import { speculationText } from '../../lib/session/speculation'
import { speculation as stats } from './helpers/speculation'

t.test('rounds by kind, n-grams and the GPU, where there were any', (t) => {
  t.equal(speculationText(stats({ roundsOff: 5 })), '', 'nothing could be drafted')
  t.equal(speculationText(stats({ roundsOff: 3, roundsModel: 10 })), 'rounds: 3 off, 10 model')
  t.equal(
    speculationText(stats({ roundsCascade: 2, roundsNgram: 4, ngramProposed: 64, ngramAccepted: 60 })),
    'rounds: 2 cascade, 4 n-gram (60 of 64 proposed tokens confirmed)',
  )
  t.equal(speculationText(stats({ roundsModel: 14, roundsOnDevice: 12 })), 'rounds: 14 model, 12 on the GPU')
  t.end()
})
