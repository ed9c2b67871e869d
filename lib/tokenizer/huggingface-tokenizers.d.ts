// The package's own types name their files without extensions, which node resolution does not follow: this is the part in use.
declare module '@huggingface/tokenizers' {
  export class BPE {
    constructor(config: { type: 'BPE'; vocab: Record<string, number>; merges: [string, string][]; ignore_merges: boolean })
    /** Rank of each merge by JSON.stringify([left, right]). */
    readonly bpe_ranks: ReadonlyMap<string, number>
    /** Merges the characters of one pre-token. */
    bpe(token: string): string[]
  }

  /** The whole pipeline of a tokenizer.json file. */
  export class Tokenizer {
    constructor(tokenizer: object, config: object)
    encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] }
  }
}
