/** The error that a port throws on a test's behalf. */
export class PortFault extends Error {
  /** For instance 'transport.write'. */
  readonly call: string

  constructor(call: string) {
    super(`${call} threw, as the test wants it to`)
    this.call = call
  }
}

/** When a call throws: before it does anything, or after it has. */
export type Moment = 'before' | 'after'

/**
 * A port of a node whose calls throw where `strikes` says so. `strikes` is asked about each call, by names like
 * 'bus.publish', with its arguments.
 */
export function faulty<P extends object>(
  name: string,
  port: P,
  strikes: (call: string, args: readonly unknown[]) => Moment | null,
): P {
  return new Proxy(port, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        const call = `${name}.${String(method)}`
        const moment = strikes(call, args)
        if (moment === 'before') throw new PortFault(call)
        const result: unknown = Reflect.apply(value, target, args)
        if (moment === 'after') throw new PortFault(call)
        return result
      }
    },
  })
}
