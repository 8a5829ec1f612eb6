/** Pino's shape. The library writes to nothing else, and never a token, a secret or a payload. */
export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
