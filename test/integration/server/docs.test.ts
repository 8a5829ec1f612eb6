import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { inProcess } from '../../../src/bus/in-process.ts'
import { start, stopAll } from './peer.ts'

afterEach(stopAll)

it.each(['operating', 'cluster'])('docs/%s.md names metrics that there are', async (name) => {
  const page = readFileSync(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8')
  const named = new Set(page.match(/rtms_\w+/g))
  // Those of a cluster too.
  const rtms = await start({ bus: inProcess() })
  const metrics = await rtms.metrics()
  expect(named.size).toBeGreaterThan(3)
  expect([...named].filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([])
})
