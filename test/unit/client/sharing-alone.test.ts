import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Client, SubscribeOptions } from '../../../src/client/index.ts'
import { createTestNode, type TestNode } from '../../../src/testing/index.ts'

/* Subscribers of one client are held against subscribers that are alone, each at a client of its own. */

type Options = Pick<SubscribeOptions, 'conflate' | 'maxHz' | 'keys' | 'policy' | 'history'>
type Step =
  | { readonly do: 'add'; readonly slot: number; readonly options: Options }
  | { readonly do: 'remove'; readonly slot: number }
  | { readonly do: 'publish'; readonly key: number; readonly count: number }
  | { readonly do: 'delete'; readonly key: number }
  | { readonly do: 'cut' }
  | { readonly do: 'wait'; readonly ms: number }

const SLOTS = 3

/** What an application has of what it was told. */
class Heard {
  readonly all: string[] = []
  readonly latest: Map<string, unknown> = new Map()
  /** Gaps, and starts elsewhere than it stood. */
  losses: string[] = []
  starts = 0
  off: () => void

  constructor(client: Client, options: Options) {
    this.off = client.subscribe(
      't',
      (data, { key, removed }) => {
        // The removal of what it never had says nothing.
        if (removed && !this.latest.delete(key)) return
        if (!removed) this.latest.set(key, data)
        this.all.push(`${key}:${removed ? 'gone' : String(data)}`)
      },
      {
        ...options,
        onGap: ({ reason }) => this.#lose(reason, reason !== 'SLOW' && reason !== 'BUS'),
        onSubscribed: ({ recovered, reason }) =>
          this.starts++ > 0 && !recovered && this.#lose(`start ${reason}`, true),
      },
    )
  }

  #lose(what: string, isAll: boolean): void {
    this.losses.push(what)
    // Of a topic with keys, the values that are kept follow.
    if (isAll) for (const key of this.latest.keys()) if (key !== '') this.latest.delete(key)
  }
}

interface Pair {
  readonly options: Options
  readonly shared: Heard
  readonly alone: Heard
}

async function play(keys: readonly string[], steps: readonly Step[]): Promise<void> {
  const node: TestNode = await createTestNode()
  node.rtms.topics.define('t', { entries: 4, ageMs: 2_000 })
  const together = node.client('ann')
  const clients = Array.from({ length: SLOTS }, (_, slot) => node.client(`alone ${slot}`))
  for (const client of [together, ...clients]) client.subscribe('else', () => {})
  await node.advance(0)
  const pairs: (Pair | null)[] = Array.from({ length: SLOTS }, () => null)
  const keyOf = ({ key }: { readonly key: number }): string => keys[key] as string
  let published = 0
  let isAway = false
  const back = async (): Promise<void> => {
    if (isAway) await node.advance(500)
    isAway = false
  }
  try {
    for (const step of steps) {
      if (step.do === 'add' && pairs[step.slot] === null) {
        const { options } = step
        const alone = new Heard(clients[step.slot] as Client, options)
        pairs[step.slot] = { options, shared: new Heard(together, options), alone }
        await node.advance(0)
      } else if (step.do === 'remove') {
        pairs[step.slot]?.shared.off()
        pairs[step.slot]?.alone.off()
        pairs[step.slot] = null
      } else if (step.do === 'publish') {
        await back()
        for (let i = 0; i < step.count; i++) node.rtms.topics.publish('t', ++published, { key: keyOf(step) })
        await node.advance(0)
      } else if (step.do === 'delete' && keyOf(step) !== '') {
        await back()
        node.rtms.topics.publish('t', null, { key: keyOf(step), tombstone: true })
        await node.advance(0)
      } else if (step.do === 'cut') {
        for (const client of [together, ...clients]) node.cut(client)
        isAway = true
      } else if (step.do === 'wait') await node.advance(step.ms)
    }
    await node.advance(10_000)
    const wishes = steps.flatMap((step) => (step.do === 'add' ? [step.options] : []))
    // Who comes later, beside one that reads at a rate, begins with what that one has had.
    const isPaced = wishes.some(({ maxHz }) => maxHz)
    // Beside others it may hear of a loss that does not concern it, where they want other entries.
    const isAlike = !wishes.some(({ conflate, keys: wanted }) => conflate || wanted)
    for (const pair of pairs) {
      if (pair === null) continue
      const { shared, alone, options } = pair
      const what = JSON.stringify({ options, shared, alone })
      // Where it began with the last few entries, a loss that does not concern it brings it the values of other keys too.
      const isToldMore = (options.history ?? 0) > 0 && shared.losses.length > 0 && !isAlike
      const latest = [...shared.latest].filter(([key]) => !isToldMore || alone.latest.has(key))
      expect(new Map(latest), what).toEqual(new Map(alone.latest))
      const isToldAll = shared.losses.length === 0 && alone.losses.length === 0 && !options.conflate
      if (isToldAll && !isPaced) expect(shared.all, what).toEqual(alone.all)
      if (isAlike && alone.losses.length === 0) expect(shared.losses, what).toEqual([])
    }
  } finally {
    await node.close()
  }
}

const key = fc.nat(2)
const options: fc.Arbitrary<Options> = fc.record(
  {
    conflate: fc.boolean(),
    maxHz: fc.constantFrom(1, 10),
    policy: fc.constantFrom('skip' as const, 'conflate' as const),
    history: fc.constantFrom(0, 2),
    keys: fc.constantFrom(['a'], ['a', 'b']),
  },
  { requiredKeys: [] },
)
/** The keys of a topic's publications: it has none, or all have one, or some. */
const topicKeys = fc.constantFrom(['', '', ''], ['a', 'b', 'c'], ['a', 'b', ''])
const slot = fc.nat(SLOTS - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('add' as const), slot, options }),
  fc.record({ do: fc.constant('add' as const), slot, options }),
  fc.record({ do: fc.constant('remove' as const), slot }),
  fc.record({ do: fc.constant('publish' as const), key, count: fc.constantFrom(1, 1, 2, 6) }),
  fc.record({ do: fc.constant('publish' as const), key, count: fc.constantFrom(1, 1, 2, 6) }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constant('cut' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 60, 300, 2_500) }),
)

describe('Subscribers of one client', () => {
  it('have in the end what they would have alone', async () => {
    await fc.assert(fc.asyncProperty(topicKeys, fc.array(step, { minLength: 4, maxLength: 14 }), play), {
      numRuns: Number(process.env['RUNS'] ?? 40),
    })
  })
})
