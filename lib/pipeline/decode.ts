/** Decoding: native tokens -> streamed text, up to a stop string. */

import { RagdraftError } from '../base/errors'
import type { GenerateRequest, NativeStats } from '../runtime/binding'
import { call } from '../runtime/call'
import { TextStream } from '../tokenizer/text-stream'
import type { FinishReason } from './answer-result'
import type { LoadedModel } from './loaded-model'

/** Thrown out of the token callback: a stop string is complete. Ends the native request like an abort. */
const stopString = Symbol('stop string')

export interface Generated {
  readonly text: string
  readonly finishReason: FinishReason
  readonly stats: NativeStats
  /** By performance.now(); the end of decoding where there was no token. */
  readonly firstTokenAt: number
}

/** Decodes until the answer ends; `emit` gets its text piece by piece. Rejects with `signal.reason` on abort. */
export async function generate(
  model: LoadedModel,
  request: GenerateRequest,
  stop: readonly string[],
  emit: (delta: string) => void,
  signal: AbortSignal,
): Promise<Generated> {
  const stream = new TextStream(model.tokenizer, { stop })
  let text = ''
  let firstTokenAt: number | undefined
  let cancelled: NativeStats | undefined
  const take = (delta: string) => {
    text += delta
    emit(delta)
  }
  const onTokens = (tokens: Int32Array) => {
    firstTokenAt ??= performance.now()
    take(stream.push(tokens))
    if (stream.stopped) throw stopString
  }
  const running = call<NativeStats>({
    signal,
    start: (done, guard) => model.binding.generate(request, guard(onTokens), done),
    onCancelled: (soFar) => {
      cancelled = soFar
    },
  })
  let stats: NativeStats
  try {
    stats = await running
    take(stream.flush())
  } catch (error) {
    if (error !== stopString || !cancelled) throw error
    stats = cancelled
  }
  const { finish } = stats
  if (finish === 'none' && !stream.stopped) throw new RagdraftError('ERR_INTERNAL', 'decoding ended without a reason')
  return {
    text,
    finishReason: finish === 'none' || stream.stopped ? 'stop-string' : finish,
    stats,
    firstTokenAt: firstTokenAt ?? performance.now(),
  }
}
