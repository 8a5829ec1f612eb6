import { describe, expect, it } from 'vitest'
import { Repeats } from '../../../../src/server/api/repeats.ts'

const limits = { apiRepeats: 3, apiRepeatMs: 1_000, apiRepeatBytes: 10_000 }

/** Kept answers at a time that the test sets, and how often something ran. */
function rig(changed: Partial<typeof limits> = {}) {
  const time = { now: 0 }
  const repeats = new Repeats({ ...limits, ...changed }, () => time.now)
  let runs = 0
  const ask = async (key: string, answer = 'a', body = 'b', payer = 'p') =>
    (await repeats.once(payer, key, body, async () => `${answer}${++runs}`)).answer
  return { time, repeats, ask, runs: () => runs }
}

describe('Kept answers', () => {
  it('are given again until their time is over', async () => {
    const { ask, time } = rig()
    expect(await ask('k')).toBe('a1')
    time.now = 999
    expect(await ask('k')).toBe('a1')
    time.now = 1_000
    expect(await ask('k')).toBe('a2')
  })

  it('give way to younger ones where there are too many, or too many bytes', async () => {
    const many = rig()
    for (const key of ['1', '2', '3', '4']) await many.ask(key)
    expect(await many.ask('2')).toBe('a2')
    expect(await many.ask('1')).toBe('a5')
    const large = rig()
    for (const key of ['1', '2']) await large.ask(key, 'x'.repeat(6_000))
    expect(await large.ask('1', '')).toBe('3')
  })

  it('give way to others of the caller who has most', async () => {
    const { ask } = rig()
    expect(await ask('mine', 'a', 'b', 'me')).toBe('a1')
    for (const key of ['1', '2', '3', '4']) await ask(key)
    expect(await ask('mine', 'a', 'b', 'me')).toBe('a1')
    expect([await ask('4'), await ask('3'), await ask('2')]).toEqual(['a5', 'a4', 'a6'])
  })

  it('are shared while the first one runs, and what fails is not kept', async () => {
    const { repeats } = rig()
    let finish: ((answer: string) => void) | undefined
    const first = repeats.once('p', 'k', 'b', () => new Promise((resolve) => (finish = resolve)))
    const second = repeats.once('p', 'k', 'b', () => Promise.reject(new Error('it ran twice')))
    finish?.('done')
    expect([await first, await second]).toEqual([
      { answer: 'done', isReplay: false },
      { answer: 'done', isReplay: true },
    ])
    await expect(repeats.once('p', 'f', 'b', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await repeats.once('p', 'f', 'b', async () => 'yes')).toEqual({ answer: 'yes', isReplay: false })
  })

  it('are refused to another body', async () => {
    const { ask } = rig()
    await ask('k')
    await expect(ask('k', 'a', 'another')).rejects.toMatchObject({ status: 409 })
  })
})
