import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Buckets } from '../../../src/core/index.ts'
import type { RequestHandlers } from '../../../src/server/business/requests.ts'
import type { Host } from '../../../src/server/host.ts'
import { Metrics } from '../../../src/server/metrics.ts'
import { Harness } from '../core/harness.ts'

/* Holds the Grafana dashboard to the metrics of a node. */

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
  }[]
}

const read = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')
const file = read('deploy/grafana/rtms.json')
const { panels } = JSON.parse(file) as { readonly panels: readonly Panel[] }
const targets = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))

/** Every metric that a node of a cluster has, and what it is. */
async function types(): Promise<Map<string, string>> {
  const cluster = { address: 'ws://a/rtms', health: '' }
  const { node } = new Harness({}, { cluster })
  const host = {
    node,
    bus: { stats: { dropped: 0, strangers: 0 } },
    sweepTimes: new Buckets([1]),
    lateness: 0,
  }
  const requests = { running: 0, times: new Buckets([1]) }
  const metrics = new Metrics(host as unknown as Host, requests as unknown as RequestHandlers, null)
  const text = await metrics.text()
  metrics.close()
  return new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]))
}

describe('The Grafana dashboard', () => {
  it('asks for metrics that there are, each in the way of its type', async () => {
    const known = await types()
    expect(targets.length).toBeGreaterThan(30)
    for (const { title, expr } of targets)
      for (const [name] of expr.matchAll(/rtms_\w+/g)) {
        const histogram = name.replace(/_bucket$/, '')
        const isRate = expr.includes(`rate(${name}{`)
        expect([title, name, known.get(histogram)]).toEqual([title, name, expect.any(String)])
        const type = known.get(histogram)
        expect([title, name, isRate]).toEqual([title, name, type !== 'gauge'])
        expect([title, name, name === histogram]).toEqual([title, name, type !== 'histogram'])
      }
    for (const [name] of file.matchAll(/rtms_\w+/g))
      expect(known.has(name.replace(/_bucket$/, '')), name).toBe(true)
  })

  it('splits them by labels that they have', () => {
    const source = read('src/server/metrics.ts')
    const provided = new Set(['job', 'instance', 'le', 'quantile'])
    for (const { expr, legendFormat } of targets) {
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
      const split = [...expr.matchAll(/ by \(([\w, ]+)\)/g)].flatMap(([, labels = '']) => labels.split(', '))
      const chosen = [...expr.matchAll(/(\w+)(?:=~?|!=)"/g)].map(([, label = '']) => label)
      for (const label of [...split, ...chosen])
        expect(provided.has(label) || source.includes(`'${label}'`), `${expr}: ${label}`).toBe(true)
      // A sum has no other labels than those it is split by.
      if (expr.startsWith('sum') || expr.startsWith('max'))
        for (const label of shown) expect([expr, split]).toEqual([expr, expect.arrayContaining([label])])
    }
  })

  it('has panels that say what they are, side by side', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const taken = new Set<string>()
    for (const { type, title, description = '', gridPos, targets = [] } of panels) {
      if (type !== 'row') expect([title, description, targets.length]).not.toEqual([title, '', 0])
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), title).toBe(false)
          taken.add(`${x} ${y}`)
        }
    }
  })
})
