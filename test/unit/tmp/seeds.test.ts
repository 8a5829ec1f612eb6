import { test } from 'vitest'
import { runClusterSeed } from '/work/wt/revival/src/testing/cluster/simulate.ts'
test('seeds', async () => {
  const from = Number(process.env.FROM ?? 1), count = Number(process.env.COUNT ?? 50)
  const sum: Record<string, number> = {}
  let failed = 0
  for (let seed = from; seed < from + count; seed++) {
    try {
      const { counts } = await runClusterSeed(seed, process.env.TRACE ? { trace: (l: string) => console.log(l) } : {})
      for (const [k, v] of counts) if (/Revived|Forked|REWOUND|revive/.test(k)) sum[k] = (sum[k] ?? 0) + v
    } catch (e) { failed++; console.log('SEED', seed, String((e as Error).message).split('\n').slice(0, 3).join(' | ').slice(0, 400)) }
  }
  console.log('DONE', count, 'failed', failed, JSON.stringify(sum))
}, 600_000)
