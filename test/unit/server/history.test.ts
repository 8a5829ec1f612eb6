import { describe, expect, it } from 'vitest'
import type { Metric } from '../../../src/server/api/operation.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'
import { History } from '../../../src/server/history.ts'

const { pastSamples, pastSeries, pastEveryMs } = serverLimits

function counter(name: string, ...values: (readonly [reason: string, value: number])[]): Metric {
  const all = values.map(([reason, value]) => ({ name, labels: reason === '' ? {} : { reason }, value }))
  return { name, help: '', type: 'counter', values: all }
}

const never = (): (() => void) => () => {}

describe('What a node remembers of its metrics', () => {
  it('is each value at each sample: one number where it never changed, null where it was not there', async () => {
    let [metrics, now]: [Metric[], number] = [[], 0]
    const history = new History(() => Promise.resolve(metrics), { now: () => now, after: never })
    expect(history.read()).toEqual({ metrics: [], agoMs: [], series: [] })
    metrics = [counter('frames', ['', 1]), counter('meetings', ['', 7]), counter('refused')]
    await history.take()
    now = 3_000
    metrics = [counter('frames', ['', 4]), counter('meetings', ['', 7]), counter('refused', ['RATE', 2])]
    await history.take()
    now = 4_000
    expect(history.read()).toEqual({
      metrics: ['frames', 'meetings', 'refused'],
      agoMs: [4_000, 1_000],
      series: [
        { name: 'frames', labels: {}, values: [1, 4] },
        { name: 'meetings', labels: {}, values: [7] },
        { name: 'refused', labels: { reason: 'RATE' }, values: [null, 2] },
      ],
    })
  })

  it('goes back ten minutes, and no further', async () => {
    let now = 0
    let due = (): void => {}
    const history = new History(() => Promise.resolve([counter('frames', ['', now])]), {
      now: () => now,
      after: (ms, action) => {
        expect(ms).toBe(pastEveryMs)
        due = action
        return () => (due = () => {})
      },
    })
    for (let i = 0; i < pastSamples + 5; i++, now += pastEveryMs) {
      due()
      await Promise.resolve()
    }
    const { agoMs, series } = history.read()
    expect([agoMs.length, agoMs[0], agoMs.at(-1)]).toEqual([pastSamples, 600_000, pastEveryMs])
    expect(series[0]?.values[0]).toBe(5 * pastEveryMs)
    expect(series[0]?.values.at(-1)).toBe((pastSamples + 4) * pastEveryMs)
    history.close()
    due()
    await Promise.resolve()
    expect(history.read().agoMs).toEqual(agoMs)
  })

  it('lacks a sample that could not be taken, and goes on', async () => {
    let [fails, due] = [true, (): void => {}]
    const history = new History(() => (fails ? Promise.reject(new Error('a gauge')) : Promise.resolve([])), {
      now: () => 0,
      after: (_, action) => {
        due = action
        return () => {}
      },
    })
    due()
    await Promise.resolve()
    expect(history.read().agoMs).toEqual([])
    fails = false
    due()
    await Promise.resolve()
    expect(history.read().agoMs).toEqual([0])
  })

  it('weighs 8 bytes for each value and sample, however many labels come up', async () => {
    let turn = 0
    const labels = (): Metric =>
      counter('refused', ...Array.from({ length: 600 }, (_, i) => [`${turn}.${i}`, i] as const))
    const history = new History(() => Promise.resolve([labels()]), { now: () => 0, after: never })
    const before = process.memoryUsage().arrayBuffers
    for (; turn < 4; turn++) await history.take()
    expect(history.read().series).toHaveLength(pastSeries)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(pastSeries * pastSamples * 8 * 1.1)
  })
})
