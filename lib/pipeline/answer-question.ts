/** One question: prompts -> prefill of both caches -> rounds of decoding -> text, citations, statistics. */
import { channel } from 'node:diagnostics_channel'
import type { AnswerResult, AnswerStats } from '../api/answer'
import { linkSignals } from '../base/abort'
import { inSlices } from '../base/steps'
import type { AskSettings, DraftWeights, KvType } from '../options/options'
import { buildQuestionSuffix } from '../prompt/target-prompt'
import type { GenerateRequest, NativeSequence, NativeStats } from '../runtime/binding'
import { callSync } from '../runtime/call'
import { generate } from './decode'
import { type DraftContext, draftContext } from './draft-context'
import { type DrafterInfo, type Drafters, draftersOf, noDrafter } from './drafter'
import type { ModelParts } from './model-parts'
import { prefill } from './prefill'
import { contextOverflow, type Reading } from './read'
import { sharedContext } from './shared-draft-context'
import { speculationStats } from './statistics'

/** Publishes `{ finishReason, stats }` of every answer that was completed. */
const answers = channel('ragdraft:answer')

const longestDraft = 16
/** Last tokens of the answer that the repetition penalty looks at. */
const repetitionWindow = 64

export interface QuestionContext {
  readonly target: ModelParts
  readonly drafter: ModelParts
  readonly reading: Reading
  readonly kv: KvType
  /** Of the self-drafter, where the question does not say. */
  readonly draftWeights: DraftWeights
}

/** What the models read for a question; null where the mode does not use one. */
interface Prompts {
  readonly suffix: Int32Array | null
  /** Of the model that has a prompt of its own: the draft model, or the one that answers in `rag`. */
  readonly draft: DraftContext | null
  /** What the self-drafter reads of the target's cache. */
  readonly self: DraftContext | null
  readonly promptTokens: number
}

async function buildPrompts(
  context: QuestionContext,
  question: string,
  settings: AskSettings,
  { selfDrafter, draftModel }: Drafters,
  signal: AbortSignal,
): Promise<Prompts> {
  const { target, drafter, reading } = context
  const { tokenizer, template } = target
  let suffix: Int32Array | null = null
  let self: DraftContext | null = null
  let promptTokens = 0
  let room = drafter.native.info.contextLength
  if (settings.mode !== 'rag') {
    suffix = buildQuestionSuffix({ tokenizer, template, system: reading.system, question, history: settings.history })
    promptTokens = reading.prefixTokens + suffix.length
    if (promptTokens >= reading.contextTokens) throw contextOverflow('the document with this question', promptTokens, reading.contextTokens)
    room = reading.contextTokens - promptTokens
    if (selfDrafter) self = await sharedContext(reading, question, suffix, settings, signal)
    if (!draftModel) return { suffix, draft: null, self, promptTokens }
  }
  const draft = await draftContext(drafter, reading, question, settings, Math.min(settings.maxTokens, room), signal)
  return { suffix, draft, self, promptTokens }
}

/** All but the last token go to the cache; decoding starts by taking the last one, whose logits it needs. */
const pendingOf = (tokens: Int32Array | undefined) => tokens?.slice(-1) ?? new Int32Array()

/** Whether decoding itself reads the drafter's prompt, when that should pay: the answer need not wait for it. */
const readsLate = ({ mode, draftLength }: AskSettings) => mode === 'lossless' && draftLength === 'auto'

/** Both prompts into their caches, side by side: the engine takes turns. If one fails, the other is stopped first. */
async function prefillBoth(context: QuestionContext, sequences: Sequences, prompts: Prompts, settings: AskSettings, signal: AbortSignal) {
  const link = linkSignals(signal)
  const { onProgress } = settings
  const task = async (
    model: ModelParts,
    sequence: NativeSequence | null,
    tokens: Int32Array | undefined,
    phase: 'prefill-target' | 'prefill-drafter',
  ) => {
    if (!sequence || !tokens) return
    try {
      await prefill(model.binding, { sequence, tokens: tokens.subarray(0, -1), phase, onProgress, signal: link.signal })
    } catch (error) {
      link.abort(error)
      throw error
    }
  }
  try {
    await Promise.allSettled([
      task(context.target, sequences.target, prompts.suffix ?? undefined, 'prefill-target'),
      readsLate(settings) ? undefined : task(context.drafter, sequences.drafter, prompts.draft?.tokens, 'prefill-drafter'),
    ])
    link.signal.throwIfAborted()
  } finally {
    link.dispose()
  }
}

const precisionOf = (drafter: DrafterInfo | null) => (drafter?.kind === 'self-q4' ? 'draft' : 'full')

/** The drafter of most rounds; of equals the draft model. */
const mostOf = ({ selfDrafter, draftModel }: Drafters, native: NativeStats): DrafterInfo =>
  (selfDrafter && (native.selfDrafter?.rounds ?? 0) > (native.draftModel?.rounds ?? 0) ? selfDrafter : (draftModel ?? selfDrafter)) ??
  noDrafter

interface Sequences {
  readonly target: NativeSequence | null
  readonly drafter: NativeSequence | null
}

function requestOf(
  { target, drafter }: QuestionContext,
  sequences: Sequences,
  prompts: Prompts,
  settings: AskSettings,
  { selfDrafter }: Drafters,
): GenerateRequest {
  const cache = prompts.self?.cache
  const draftTokens = prompts.draft?.tokens
  const {
    draftLength,
    mode,
    transfer,
    plausibility,
    transferTemperature,
    ngram,
    confidence,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    seed,
    maxTokens,
  } = settings
  return {
    mode,
    target: sequences.target,
    targetPending: pendingOf(prompts.suffix ?? undefined),
    draftModel: sequences.drafter,
    draftPending: readsLate(settings) && draftTokens ? draftTokens : pendingOf(draftTokens),
    selfDrafter: cache?.kind === 'shared' ? { precision: precisionOf(selfDrafter), ranges: cache.ranges, tail: cache.tail } : null,
    transfer,
    plausibility,
    transferTemperature,
    draftLength: draftLength === 'auto' ? -1 : draftLength,
    maxDraftLength: longestDraft,
    confidence,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    repetitionWindow,
    seed,
    maxTokens,
    stopTokens: Int32Array.from((mode === 'rag' ? drafter : target).tokenizer.stopTokens),
    validTokens: target.vocabulary.length,
    ngram,
    ngramSource: (prompts.draft ?? prompts.self)?.tokens ?? new Int32Array(),
  }
}

/** Answers one question from a fork of the document's cache. Leaves no handle behind, however it ends. */
export async function answerQuestion(
  context: QuestionContext,
  question: string,
  settings: AskSettings,
  emit: (delta: string) => void,
  signal: AbortSignal,
): Promise<AnswerResult> {
  const start = performance.now()
  const { target, drafter, reading, kv } = context
  const drafters = draftersOf(target, drafter, settings.mode, settings.draftWeights ?? context.draftWeights, settings.draftLength)
  const prompts = await buildPrompts(context, question, settings, drafters, signal)
  const draft = prompts.draft ?? prompts.self
  const sequences: { target: NativeSequence | null; drafter: NativeSequence | null } = { target: null, drafter: null }
  try {
    if (prompts.suffix) sequences.target = callSync(() => reading.sequence?.fork() ?? null)
    if (prompts.draft?.cache.kind === 'own') {
      const { contextTokens } = prompts.draft.cache
      const precision = precisionOf(drafters.draftModel)
      sequences.drafter = callSync(() => drafter.native.createSequence({ contextTokens, kv, precision }))
    }
    await prefillBoth(context, sequences, prompts, settings, signal)
    const prefilled = performance.now()
    const request = requestOf(context, sequences, prompts, settings, drafters)
    const generated = await generate(settings.mode === 'rag' ? drafter : target, request, settings.stop, emit, signal)
    const end = performance.now()
    const { text, finishReason, stats: native, firstTokenAt } = generated

    const used = draft?.chunks ?? []
    const citations = await inSlices(reading.quotes.find(text, { within: used }), { signal })
    const longest = native.draftedByPosition.findLastIndex((count) => count > 0) + 1
    const stats: AnswerStats = {
      mode: settings.mode,
      drafter: mostOf(drafters, native),
      promptTokens: prompts.promptTokens,
      draftPromptTokens: draft?.tokens.length ?? 0,
      prefillMs: prefilled - start,
      timeToFirstTokenMs: firstTokenAt - start,
      decodeTokens: native.decodeTokens,
      decodeTokensPerSecond: (1000 * native.decodeTokens) / Math.max(end - prefilled, 1e-3),
      rounds: native.rounds,
      drafted: native.drafted,
      accepted: native.accepted,
      acceptedByPosition: native.acceptedByPosition.slice(0, longest),
      speculation: speculationStats(native, drafters),
    }
    if (answers.hasSubscribers) answers.publish({ finishReason, stats })
    return {
      text,
      citations,
      chunks: used.map(({ start, end, score }) => ({ start, end, score })),
      finishReason,
      stats,
    }
  } finally {
    sequences.target?.close()
    sequences.drafter?.close()
  }
}
