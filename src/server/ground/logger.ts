/** A logger, in Pino's shape. The library writes to nothing else, and never a token, a secret or a payload. */
export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** Contains a logger's errors, which must not end a connection or the process. */
export function contained(logger: Logger): Logger {
  const log =
    (level: keyof Logger) =>
    (details: object, message: string): void => {
      try {
        logger[level](details, message)
      } catch {
        // There is nowhere left to report it.
      }
    }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
