/** The same model with every matrix as F32: what an engine would compute if its arithmetic on quantised weights were exact. */
import { bytesOf, type GgufSource } from '../../lib/demo/gguf/types'
import { decode } from './quantize'

export function dequantizedModel(source: GgufSource): GgufSource {
  const tensors = source.tensors.map((tensor) =>
    tensor.type === 'F32'
      ? tensor
      : {
          ...tensor,
          type: 'F32' as const,
          data: () => [bytesOf(Float32Array.from(decode(tensor.type, Buffer.concat(Array.from(tensor.data(), (piece) => piece.slice())))))],
        },
  )
  return { ...source, tensors }
}
