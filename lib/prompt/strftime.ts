import { RagdraftError } from '../base/errors'

const kDays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const kMonths = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

const pad = (value: number, width = 2): string => String(value).padStart(width, '0')

const kDirectives: Readonly<Record<string, (date: Date) => string>> = {
  '%': () => '%',
  a: (date) => kDays[date.getUTCDay()]!.slice(0, 3),
  A: (date) => kDays[date.getUTCDay()]!,
  b: (date) => kMonths[date.getUTCMonth()]!.slice(0, 3),
  B: (date) => kMonths[date.getUTCMonth()]!,
  d: (date) => pad(date.getUTCDate()),
  H: (date) => pad(date.getUTCHours()),
  I: (date) => pad(date.getUTCHours() % 12 || 12),
  m: (date) => pad(date.getUTCMonth() + 1),
  M: (date) => pad(date.getUTCMinutes()),
  p: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  S: (date) => pad(date.getUTCSeconds()),
  y: (date) => pad(date.getUTCFullYear() % 100),
  Y: (date) => pad(date.getUTCFullYear(), 4),
}

/**
 * Python's strftime in UTC and English: the same everywhere, whatever the locale of the machine. "%-d" leaves out leading zeros.
 * @throws ERR_CHAT_TEMPLATE for a directive that is not known here.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)(.?)/gsu, (directive, dash: string, letter: string) => {
    const write = Object.hasOwn(kDirectives, letter) ? kDirectives[letter] : undefined
    if (!write) throw new RagdraftError('ERR_CHAT_TEMPLATE', `The chat template asks for the date format "${directive}".`)
    return dash ? write(date).replace(/^0+(?=\d)/, '') : write(date)
  })
}
