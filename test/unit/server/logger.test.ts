import { expect, it, vi } from 'vitest'
import { contained, type Logger, loggerFor } from '../../../src/server/ground/logger.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const

/** A promise of another library: it behaves like one, and is no instance of `Promise`. */
class ForeignPromise {
  readonly #inner: Promise<unknown>
  constructor(inner: Promise<unknown>) {
    this.#inner = inner
  }
  // oxlint-disable-next-line unicorn/no-thenable
  then(...args: Parameters<Promise<unknown>['then']>): Promise<unknown> {
    return this.#inner.then(...args)
  }
}

/** A logger whose every level does this. */
function loggerOf(log: (details: object, message: string) => unknown): Logger {
  return { debug: log, info: log, warn: log, error: log }
}

const boom = (): never => {
  throw new Error('boom')
}

it('A logger that throws, rejects or cannot be read costs its line', async () => {
  const hostile = new Proxy({} as Logger, { get: boom })
  // oxlint-disable-next-line unicorn/no-thenable
  const thenable = { then: boom }
  const foreign = loggerOf(() => new ForeignPromise(Promise.reject(new Error('boom'))))
  const loggers = [loggerOf(boom), loggerOf(async () => boom()), loggerOf(() => thenable), foreign, hostile]
  for (const logger of loggers.map((each) => contained(each)))
    for (const level of levels) logger[level]({}, 'x')
  // A rejection that nobody has caught would be reported now.
  await new Promise((resolve) => setImmediate(resolve))
})

it('Of one message at level warn or error come ten lines a minute, and the next says for how many it stands', () => {
  let now = 0
  const lines: [object, string][] = []
  const logger = contained(
    loggerOf((details, message) => lines.push([details, message])),
    () => now,
  )
  for (const level of ['warn', 'error'] as const) {
    lines.length = 0
    for (let n = 1; n <= 100; n++) logger[level]({ n }, 'a handler failed')
    expect(lines.map(([details]) => details)).toEqual(Array.from({ length: 10 }, (_, at) => ({ n: at + 1 })))
    logger[level]({ n: 1 }, 'another message')
    expect(lines.at(-1)).toEqual([{ n: 1 }, 'another message'])
    now += 59_999
    logger[level]({ n: 101 }, 'a handler failed')
    expect(lines).toHaveLength(11)
    now += 1
    logger[level]({ n: 102 }, 'a handler failed')
    logger[level]({ n: 103 }, 'a handler failed')
    expect(lines.slice(11)).toEqual([
      [{ n: 102, count: 92 }, 'a handler failed'],
      [{ n: 103 }, 'a handler failed'],
    ])
  }
  lines.length = 0
  for (let n = 0; n < 100; n++) logger.debug({}, 'a token was refused')
  expect(lines).toHaveLength(100)
})

it('Of one message each cause has lines of its own, as long as there are not very many causes', () => {
  const lines: object[] = []
  const logger = contained(
    loggerOf((details) => lines.push(details)),
    () => 0,
  )
  for (let n = 0; n < 100; n++) logger.warn({ why: n % 2 === 0 ? 'even' : 'odd' }, 'a message')
  expect(lines).toHaveLength(20)
  lines.length = 0
  for (let n = 0; n < 5_000; n++) logger.warn({ why: String(n) }, 'another message')
  expect(lines.length).toBeLessThan(1_020)
})

it('Without a logger, warnings and errors go to the console, as seldom; null and false silence them', () => {
  const written: unknown[][] = []
  for (const level of ['debug', 'info', 'log', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((...line: unknown[]) => void written.push([level, ...line]))
  try {
    for (const option of [null, false, undefined] as const) {
      const logger = loggerFor(option)
      for (const level of levels) for (let n = 1; n <= 11; n++) logger[level]({ n }, 'a handler failed')
      if (option !== undefined) expect(written).toEqual([])
    }
  } finally {
    vi.restoreAllMocks()
  }
  const lines = (level: string): unknown[] =>
    Array.from({ length: 10 }, (_, at) => [level, 'rtms: a handler failed', { n: at + 1 }])
  expect(written).toEqual([...lines('warn'), ...lines('error')])
})
