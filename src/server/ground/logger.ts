import { Seldom } from './seldom.ts'
import { isThenable } from './thenable.ts'

/** Lines of one message, and of one cause, at level warn or error in a minute. */
const LINES = 10
/** Messages and causes that are told apart; what comes beyond them shares the lines of its message. */
const MOST_KINDS = 1_000

/** A logger, in Pino's shape. The library writes to nothing else, and never a token, a secret or a payload. */
export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/**
 * Contains a logger's errors, which must not end a connection or the process, and bounds what clients can make it
 * write: of each message, which is one of a fixed set, and each cause (`why`), ten lines a minute at level warn and
 * error. The next line says by `count` for how many it stands. `now` returns monotonic milliseconds.
 */
export function contained(logger: Logger, now: () => number = () => performance.now()): Logger {
  const log =
    (level: keyof Logger) =>
    (details: object, message: string): void => {
      try {
        const result: unknown = logger[level](details, message)
        // A logger that is asynchronous may reject.
        if (isThenable(result)) Promise.resolve(result).catch(() => {})
      } catch {
        // There is nowhere left to report it.
      }
    }
  const bounded = (level: 'warn' | 'error'): Logger['error'] => {
    const write = log(level)
    const kinds = new Map<string, Seldom>()
    return (details, message) => {
      const { why } = details as { why?: unknown }
      const exact = typeof why === 'string' ? `${message}\0${why}` : message
      const kind = kinds.size < MOST_KINDS || kinds.has(exact) ? exact : message
      const seldom = kinds.get(kind) ?? new Seldom(LINES)
      kinds.set(kind, seldom)
      const count = seldom.note(now())
      if (count > 0) write(count === 1 ? details : { ...details, count }, message)
    }
  }
  return { debug: log('debug'), info: log('info'), warn: bounded('warn'), error: bounded('error') }
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Where no logger is given: what somebody should look at must not vanish. */
const toConsole: Logger = {
  ...silent,
  warn: (details, message) => console.warn(`rtms: ${message}`, details),
  error: (details, message) => console.error(`rtms: ${message}`, details),
}

/** The logger of the option: by default the console's for warnings and errors; null and false silence it. */
export function loggerFor(option: Logger | null | false | undefined): Logger {
  return option === null || option === false ? silent : contained(option ?? toConsole)
}
