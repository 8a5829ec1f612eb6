import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { start, stopAll } from './peer.ts'

afterEach(stopAll)

it('docs/operating.md names metrics that there are', async () => {
  const page = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8')
  const named = new Set(page.match(/rtms_\w+/g))
  const rtms = await start()
  const metrics = await rtms.metrics()
  expect(named.size).toBeGreaterThan(8)
  expect([...named].filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([])
})
