/** The quantised formats, by name: a new one is a line here, in `tensorTypes`, and its BlockFormat. */
import type { TensorType } from '../../lib/demo/gguf/types'
import type { BlockFormat } from './blocks'
import { q4k, q5k, q6k } from './k-quants'
import { q40, q50, q80 } from './small-blocks'

export type FloatType = 'F32' | 'F16' | 'BF16'
export type QuantisedType = Exclude<TensorType, FloatType>

export const formats: Readonly<Record<QuantisedType, BlockFormat>> = { Q8_0: q80, Q4_0: q40, Q5_0: q50, Q4_K: q4k, Q5_K: q5k, Q6_K: q6k }

export const isFloat = (type: TensorType): type is FloatType => !(type in formats)
