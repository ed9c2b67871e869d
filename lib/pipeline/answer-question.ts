/**
 * The life of a question: its prompts (1 the target's, 2 the retrieved chunks, 3 the draft model's: question-prompts.ts), 4 prefill,
 * 5 decoding, 6 citations.
 */
import { channel } from 'node:diagnostics_channel'
import { inSlices } from '../base/steps'
import { type AskSettings, nativeSettings } from '../options/ask'
import type { DraftWeights, KvType } from '../options/open'
import type { GenerateRequest, NativeSequence, NativeStats } from '../runtime/binding'
import { callSync } from '../runtime/call'
import type { AnswerResult, AnswerStats } from './answer-result'
import { type Generated, generate } from './decode'
import { type DrafterInfo, type Drafters, draftersOf, noDrafter } from './drafter'
import { type PrefillTask, prefillAll } from './prefill'
import { buildPrompts, type PromptContext, type QuestionPrompts } from './question-prompts'
import { speculationStats } from './statistics'

/** Publishes `{ finishReason, stats }` of every answer that was completed. */
const answers = channel('ragdraft:answer')

/** Last tokens of the answer that the repetition penalty looks at. */
const repetitionWindow = 64

export interface QuestionContext extends PromptContext {
  readonly kv: KvType
  /** Of the self-drafter, where the question does not say. */
  readonly draftWeights: DraftWeights
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
  const { target, drafter, document } = context
  const { mode, draftLength, draftWeights = context.draftWeights } = settings
  const drafters = draftersOf(target, drafter, mode, draftWeights, draftLength)
  const prompts = await buildPrompts(context, question, settings, drafters, signal)
  const caches: Caches = { target: null, drafter: null }
  try {
    openCaches(caches, context, prompts, drafters)
    await prefillAll(target.binding, prefillTasks(caches, prompts, settings, signal))
    const prefilled = performance.now()
    const request = requestOf(context, caches, prompts, settings, drafters)
    const generated = await generate(mode === 'rag' ? drafter : target, request, settings.stop, emit, signal)
    const end = performance.now()
    const chunks = (prompts.draft ?? prompts.selfDraft)?.chunks ?? []
    const citations = await inSlices(document.quotes.find(generated.text, chunks), { signal })
    const stats = statsOf(settings, drafters, prompts, generated, { start, prefilled, end })
    const { text, finishReason } = generated
    if (answers.hasSubscribers) answers.publish({ finishReason, stats })
    return { text, citations, chunks: chunks.map(({ start, end, score }) => ({ start, end, score })), finishReason, stats }
  } finally {
    caches.target?.close()
    caches.drafter?.close()
  }
}

/** The caches of one answer; null where the mode does not use the model, or it reads in the target's. */
interface Caches {
  target: NativeSequence | null
  drafter: NativeSequence | null
}

const precisionOf = (drafter: DrafterInfo | null) => (drafter?.kind === 'self-q4' ? 'draft' : 'full')

/** The drafter of most rounds; of equals the draft model. */
const mostOf = ({ selfDrafter, draftModel }: Drafters, native: NativeStats): DrafterInfo =>
  (selfDrafter && (native.selfDrafter?.rounds ?? 0) > (native.draftModel?.rounds ?? 0) ? selfDrafter : (draftModel ?? selfDrafter)) ??
  noDrafter

function openCaches(
  caches: Caches,
  { drafter, document, kv }: QuestionContext,
  { suffix, draft }: QuestionPrompts,
  { draftModel }: Drafters,
): void {
  if (suffix) caches.target = callSync(() => document.sequence?.fork() ?? null)
  if (draft?.cache.kind !== 'own') return
  const { contextTokens } = draft.cache
  caches.drafter = callSync(() => drafter.native.createSequence({ contextTokens, kv, precision: precisionOf(draftModel) }))
}

/** Whether decoding itself reads the draft model's prompt, when that should pay (native/decoding/drafters.h, `prompt_waits`): the answer need not wait for it. */
const readsLate = ({ mode, draftLength }: AskSettings) => mode === 'lossless' && draftLength === 'auto'

/** All but the last token of a prompt go to the cache; decoding starts by taking the last one, whose logits it needs. */
const pendingOf = (tokens: Int32Array | undefined) => tokens?.slice(-1) ?? new Int32Array()

function prefillTasks(caches: Caches, { suffix, draft }: QuestionPrompts, settings: AskSettings, signal: AbortSignal): PrefillTask[] {
  const { onProgress } = settings
  const tasks: PrefillTask[] = []
  const add = (sequence: NativeSequence, tokens: Int32Array, phase: PrefillTask['phase']) =>
    tasks.push({ sequence, tokens: tokens.subarray(0, -1), phase, onProgress, signal })
  if (caches.target && suffix) add(caches.target, suffix, 'prefill-target')
  if (caches.drafter && draft && !readsLate(settings)) add(caches.drafter, draft.tokens, 'prefill-drafter')
  return tasks
}

function requestOf(
  { target, drafter }: QuestionContext,
  caches: Caches,
  { suffix, draft, selfDraft }: QuestionPrompts,
  settings: AskSettings,
  { selfDrafter }: Drafters,
): GenerateRequest {
  const cache = selfDraft?.cache
  const draftTokens = draft?.tokens
  return {
    ...nativeSettings(settings),
    target: caches.target,
    targetPending: pendingOf(suffix ?? undefined),
    draftModel: caches.drafter,
    draftPending: readsLate(settings) && draftTokens ? draftTokens : pendingOf(draftTokens),
    selfDrafter: cache?.kind === 'shared' ? { precision: precisionOf(selfDrafter), ranges: cache.ranges, tail: cache.tail } : null,
    maxDraftLength: target.binding.constants.maxDraftLength,
    repetitionWindow,
    stopTokens: Int32Array.from((settings.mode === 'rag' ? drafter : target).tokenizer.stopTokens),
    validTokens: target.vocabulary.length,
    ngramSource: (draft ?? selfDraft)?.tokens ?? new Int32Array(),
  }
}

function statsOf(
  { mode }: AskSettings,
  drafters: Drafters,
  { promptTokens, draft, selfDraft }: QuestionPrompts,
  { stats: native, firstTokenAt }: Generated,
  { start, prefilled, end }: { readonly start: number; readonly prefilled: number; readonly end: number },
): AnswerStats {
  const longest = native.draftedByPosition.findLastIndex((count) => count > 0) + 1
  return {
    mode,
    drafter: mostOf(drafters, native),
    promptTokens,
    draftPromptTokens: (draft ?? selfDraft)?.tokens.length ?? 0,
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
}
