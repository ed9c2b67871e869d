/** Jinja, with a bound on its work: a template comes with a model file, and may be anything. */
import { Environment, Interpreter, parse, type RuntimeValue, type Statement, tokenize } from '@huggingface/jinja'

/**
 * Steps that a template may take for a list of so many items: evaluated nodes, of which real ones take some hundred an item, and the
 * lengths of lists, which it may go through a few times for each item.
 */
const mostSteps = (items: number) => 50_000 + 5_000 * items + 8 * items ** 2
/** UTF-16 code units of a string that count as one step. */
const unitsPerStep = 64
/** Longest string or list that a template may make, in units or items. */
const mostLength = 1 << 20

/** A template that parses. */
export interface JinjaTemplate {
  /**
   * @param items length of the longest list among the variables: the bound on the work grows with it
   * @throws Error if the template fails, or goes on for longer than any template of its kind
   */
  render(variables: Readonly<Record<string, unknown>>, items: number): string
}

/** @throws Error if `source` does not parse */
export function jinja(source: string): JinjaTemplate {
  const program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }))
  return {
    render(variables, items) {
      const environment = new Environment()
      for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value)
      return String(new BoundedInterpreter(environment, mostSteps(items)).run(program).value)
    },
  }
}

const globals = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range: boundedRange,
  raise_exception: (message: string) => {
    throw new Error(message)
  },
}

class BoundedInterpreter extends Interpreter {
  #steps: number

  constructor(environment: Environment, steps: number) {
    super(environment)
    this.#steps = steps
  }

  override evaluate(node: Statement | undefined, environment: Environment): RuntimeValue {
    this.#spend(1)
    const result = super.evaluate(node, environment)
    const { value } = result
    if (typeof value === 'string') this.#spendOn(value.length, unitsPerStep)
    else if (Array.isArray(value)) this.#spendOn(value.length, 1)
    return result
  }

  #spendOn(length: number, lengthPerStep: number): void {
    assertLength(length)
    this.#spend(length / lengthPerStep)
  }

  #spend(steps: number): void {
    this.#steps -= steps
    if (this.#steps < 0) throw new Error('it does not come to an end')
  }
}

/** Python's range(). */
function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  if (step === 0) throw new Error('range() step must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  assertLength(length)
  return Array.from({ length }, (_, i) => start + i * step)
}

function assertLength(length: number): void {
  if (!(length <= mostLength)) throw new Error('it makes a string or a list that is too long')
}
