// The package's own types name their files without extensions, which node resolution does not follow: this is the part in use.
declare module '@huggingface/jinja' {
  /** A node of the syntax tree. */
  export interface Statement {
    readonly type: string
  }
  /** A value at run time: `value` is that of JavaScript, an array for a list. */
  export interface RuntimeValue {
    readonly value: unknown
  }

  export function tokenize(source: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }): readonly object[]
  export function parse(tokens: readonly object[]): Statement

  /** A scope. */
  export class Environment {
    /** Declares a variable; functions may be called from the template. Throws for a name that is declared already. */
    set(name: string, value: unknown): void
  }

  export class Interpreter {
    constructor(environment: Environment)
    run(program: Statement): RuntimeValue
    /** Called for each node, by `run` and by itself. */
    evaluate(node: Statement | undefined, environment: Environment): RuntimeValue
  }
}
