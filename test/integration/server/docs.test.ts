import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { ThreadsHub, threads } from '../../../src/bus/threads.ts'
import { start, stopAll } from './peer.ts'

afterEach(stopAll)

const read = (file: string): string =>
  readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8').replaceAll(/_bucket\b/g, '')

for (const [file, least] of [
  ['docs/operating.md', 8],
  ['docs/cluster.md', 5],
  ['deploy/grafana/rtms.json', 20],
] as const)
  it(`${file} names metrics that there are`, async () => {
    const named = new Set(read(file).match(/rtms_\w+/g))
    // One of a cluster has all of them.
    const rtms = await start({ bus: threads(new ThreadsHub().seat()) })
    const metrics = await rtms.metrics()
    expect(named.size).toBeGreaterThan(least)
    expect([...named].filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([])
  })

it('deploy/grafana/rtms.json is a dashboard whose panels all ask for something', () => {
  const { panels } = JSON.parse(read('deploy/grafana/rtms.json')) as {
    panels: { title: string; targets?: { expr: string }[] }[]
  }
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
  for (const { targets = [] } of panels) for (const { expr } of targets) expect(expr).toMatch(/rtms_/)
})
