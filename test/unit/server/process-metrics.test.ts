import { closeSync, openSync } from 'node:fs'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { addProcessMetrics } from '../../../src/server/process-metrics.ts'
import { addCounter, addGauge } from '../../../src/server/read-metrics.ts'

/** The values of a registry's metrics, each with its type. */
async function read(registry: Registry): Promise<Record<string, readonly [type: string, value: number]>> {
  const metrics = await registry.getMetricsAsJSON()
  return Object.fromEntries(
    metrics.map(({ name, type, values }) => [name, [String(type), values[0]?.value ?? NaN]]),
  )
}

describe('A metric that is read', () => {
  it('has the value of the moment at which somebody asks, not the sum of all of these', async () => {
    const registry = new Registry()
    let value = 5
    addGauge(registry, 'a', 'A.', () => value)
    addCounter(registry, 'b', 'B.', () => 10 * value)
    expect(await read(registry)).toEqual({ a: ['gauge', 5], b: ['counter', 50] })
    value = 7
    expect(await read(registry)).toEqual({ a: ['gauge', 7], b: ['counter', 70] })
    value = 0
    expect(await read(registry)).toEqual({ a: ['gauge', 0], b: ['counter', 0] })
  })
})

describe('The metrics of the process', () => {
  it('are in seconds and bytes, as other programs tell them', async () => {
    const registry = new Registry()
    addProcessMetrics(registry)
    const values = await read(registry)
    const { user, system } = process.cpuUsage()
    const [, seconds] = values['process_cpu_seconds_total'] ?? []
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual((user + system) / 1e6)
    expect(seconds).toBeGreaterThan((user + system) / 1e6 - 1)
    const [, startedAt = 0] = values['process_start_time_seconds'] ?? []
    expect(Math.abs(startedAt + process.uptime() - Date.now() / 1_000)).toBeLessThan(1)
    const { heapTotal, rss } = process.memoryUsage()
    expect((values['process_resident_memory_bytes']?.[1] ?? 0) / rss).toBeCloseTo(1, 0)
    expect((values['process_heap_bytes']?.[1] ?? 0) / heapTotal).toBeCloseTo(1, 0)
    expect(Object.values(values).map(([type]) => type)).toEqual(
      Object.keys(values).map((name) => (name.endsWith('_total') ? 'counter' : 'gauge')),
    )
  })

  it.runIf(process.platform === 'linux')(
    'count the files that are open, without the one that is read for that',
    async () => {
      const registry = new Registry()
      addProcessMetrics(registry)
      const count = async (): Promise<number> => (await read(registry))['process_open_fds']?.[1] ?? 0
      const before = await count()
      const files = Array.from({ length: 20 }, () => openSync('/dev/null', 'r'))
      expect((await count()) - before).toBeGreaterThan(15)
      for (const file of files) closeSync(file)
      expect(before).toBeGreaterThan(2)
    },
  )
})
