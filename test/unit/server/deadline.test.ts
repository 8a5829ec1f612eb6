import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { isTimeout, withDeadline } from '../../../src/server/ground/deadline.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Rejects with what it was aborted for, as `fetch` does. */
const interrupted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

const slow = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, 20, 'done'))

const abortable = (signal: AbortSignal): Promise<string> => Promise.race([slow(), interrupted(signal)])

const brokenOff = async (signal: AbortSignal): Promise<never> => {
  await interrupted(signal).catch(() => {})
  throw new Error('the body broke off')
}

describe('A deadline', () => {
  it('ends what hangs, also where everything that nobody holds was collected', async () => {
    const ending = withDeadline(20, new AbortController().signal, interrupted).catch(
      (error: unknown) => error,
    )
    await new Promise(setImmediate)
    collect()
    expect(isTimeout(await ending)).toBe(true)
  })

  it('is told as what it is, whatever the action makes of it', async () => {
    const ended = await withDeadline(5, new AbortController().signal, brokenOff).catch(
      (error: unknown) => error,
    )
    expect(isTimeout(ended)).toBe(true)
  })

  it.each([2 ** 31, Number.MAX_SAFE_INTEGER, Infinity])('may be %d ms away', async (ms) => {
    expect(await withDeadline(ms, new AbortController().signal, abortable)).toBe('done')
  })

  it('does nothing to what ends in time, or was given up from outside', async () => {
    const outer = new AbortController()
    expect(await withDeadline(10_000, outer.signal, () => Promise.resolve(1))).toBe(1)
    const ending = withDeadline(10_000, outer.signal, interrupted).catch((error: unknown) => error)
    outer.abort('closed')
    expect(await ending).toBe('closed')
    expect(await withDeadline(10_000, outer.signal, ({ aborted }) => Promise.resolve(aborted))).toBe(true)
  })
})
