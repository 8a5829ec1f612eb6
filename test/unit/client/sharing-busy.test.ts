import { describe, expect, it } from 'vitest'
import type { Position, SubscribeOptions } from '../../../src/client/index.ts'
import { createTestNode } from '../../../src/testing/index.ts'
import { Random } from '../../../src/testing/random.ts'

/*
 * Subscribers of one topic come, go, publish and lose their connection while others are being told, on a connection that
 * is too narrow for what waits for them.
 */

const KEYS = ['a', 'b', 'c', 'd', 'e']
const STEPS = 25

interface Stored {
  readonly position: Position
  readonly values: ReadonlyMap<string, number>
}

/** Returns what is wrong. */
async function play(seed: number): Promise<readonly string[]> {
  const r = new Random(seed)
  const isKeyed = r.chance(0.7)
  const pad = 'x'.repeat(r.pick([0, 10, 3_000]))
  const node = await createTestNode()
  const { rtms } = node
  rtms.topics.define('t', { entries: r.pick([2, 5, 20, 1_000]), bytes: 10_000_000, ageMs: 600_000 })
  const client = node.connect({
    window: r.pick([2_000, 20_000, 131_072]),
    getTicket: () => rtms.tickets.issue({ user: 'ann', topics: { read: ['*'] } }),
  })
  const values = new Map<string, number>()
  const stored: Stored[] = []
  const subscribers = new Set<Subscriber>()
  let last = 0
  const faults: string[] = []

  class Subscriber {
    readonly options: SubscribeOptions
    readonly values: Map<string, number>
    readonly lasts: Map<string, number> = new Map()
    readonly heard: Set<number> = new Set()
    /** What had been published by then; where it has lost something, it has nothing to say about that. */
    onAt = 0
    isOn = false
    isWhole = true
    /** A removal may be among what it has lost. */
    isTrue = true
    off: () => void = () => {}

    constructor() {
      const from = r.chance(0.2) && stored.length > 0 ? r.pick(stored) : undefined
      this.values = new Map(from?.values)
      this.options = {
        conflate: r.chance(0.4),
        ...(r.chance(0.3) ? { maxHz: r.pick([1, 5, 20]) } : {}),
        ...(isKeyed && r.chance(0.3) ? { keys: [r.pick(KEYS), r.pick(KEYS)] } : {}),
        ...(r.chance(0.2) ? { history: r.pick([1, 3, 10]) } : {}),
        ...(from && { since: from.position }),
      }
    }

    fail(what: string): void {
      faults.push(`seed ${seed}, ${JSON.stringify(this.options)}: ${what}`)
    }

    start(): void {
      this.off = client.subscribe<{ n: number }>(
        't',
        ({ n }, { key, removed }) => {
          if (!this.isOn || !subscribers.has(this)) this.fail('it hears before it is on, or after it is off')
          if (n <= (this.lasts.get(key) ?? 0)) this.fail(`${n} comes after ${this.lasts.get(key)}`)
          this.lasts.set(key, n)
          this.heard.add(n)
          if (removed) this.values.delete(key)
          else this.values.set(key, n)
          if (r.chance(0.05)) act()
        },
        {
          ...this.options,
          onSubscribed: () => {
            if (!this.isOn) this.onAt = last
            this.isOn = true
          },
          onGap: ({ reason }) => {
            this.isWhole = false
            this.isTrue = reason !== 'SLOW' || this.options.conflate === true
            if (reason === 'SLOW') return
            this.values.clear()
            this.lasts.clear()
          },
          onError: ({ code }) => code === 'CLOSED' || this.fail(code),
        },
      )
    }

    check(): void {
      const { conflate = false, keys, history, since } = this.options
      // Of a topic without keys, only who conflates is told the latest value; of others, who asks for no history.
      const getsLatest =
        conflate || keys !== undefined || (isKeyed && (history === undefined || since !== undefined))
      const wanted = (each: ReadonlyMap<string, number>): string =>
        JSON.stringify(
          [...each].filter(([key]) => keys?.includes(key) ?? true).toSorted(([a], [b]) => (a < b ? -1 : 1)),
        )
      if (!this.isOn) this.fail('it is never on')
      if (this.isTrue && getsLatest && wanted(this.values) !== wanted(values))
        this.fail(`it has ${wanted(this.values)} and not ${wanted(values)}`)
      if (conflate || keys !== undefined || !this.isWhole) return
      for (let n = this.onAt + 1; n <= last; n++) if (!this.heard.has(n)) this.fail(`it lacks ${n}`)
    }
  }

  const publish = (): void => {
    const key = isKeyed ? r.pick(KEYS) : ''
    const isRemoval = isKeyed && r.chance(0.2)
    rtms.topics.publish('t', { n: ++last, pad }, { key, tombstone: isRemoval })
    if (isRemoval) values.delete(key)
    else values.set(key, last)
  }
  const act = (): void => {
    const what = r.unit()
    if (what < 0.5) for (let n = r.pick([1, 3, 30]); n > 0; n--) publish()
    else if (what < 0.75 && subscribers.size < 6) {
      const subscriber = new Subscriber()
      subscribers.add(subscriber)
      subscriber.start()
    } else if (what < 0.9 && subscribers.size > 0) {
      const subscriber = r.pick([...subscribers])
      subscribers.delete(subscriber)
      subscriber.off()
    } else if (what > 0.95) node.cut(client)
  }
  const settle = async (): Promise<void> => {
    await node.advance(20_000)
    for (const subscriber of subscribers) subscriber.check()
    const position = client.position('t')
    const isAtHead = [...subscribers].some(
      ({ options: { conflate = false, keys, maxHz } }) =>
        !conflate && keys === undefined && maxHz === undefined,
    )
    if (position !== null && isAtHead) stored.push({ position, values: new Map(values) })
  }

  for (let n = 0; n < 3; n++) publish()
  await node.advance(0)
  for (let step = 0; step < STEPS && faults.length === 0; step++) {
    act()
    if (r.chance(0.5)) await node.advance(r.pick([0, 0, 20, 300]))
    if (r.chance(0.15)) await settle()
  }
  await settle()
  await node.close()
  return faults
}

describe('Subscribers of one topic', () => {
  it('have what they asked for in the end, in order, and lose nothing in silence, whatever the others do', async () => {
    const faults: string[] = []
    for (let seed = 1; seed <= Number(process.env['RUNS'] ?? 30); seed++) faults.push(...(await play(seed)))
    expect(faults).toEqual([])
  })

  it('get the history or the latest values, as each asks, of a topic with keys', async () => {
    const node = await createTestNode()
    const client = node.client('ann')
    for (const key of ['', 'a', 'b', 'a', '']) node.rtms.topics.publish('t', key, { key })
    const heard: Record<string, string[]> = {}
    const subscribe = (name: string, options: SubscribeOptions): void => {
      const list: string[] = (heard[name] = [])
      client.subscribe<string>('t', (key) => list.push(key), options)
    }
    subscribe('three back', { history: 3 })
    subscribe('latest', {})
    await node.advance(1_000)
    subscribe('later, two back', { history: 2 })
    subscribe('later, latest', {})
    await node.advance(1_000)
    expect(heard).toEqual({
      'three back': ['b', 'a', ''],
      latest: ['b', 'a', ''],
      'later, two back': ['a', ''],
      'later, latest': ['b', 'a', ''],
    })
    await node.close()
  })

  it('get all values that there are, also where another one was there before', async () => {
    const node = await createTestNode()
    const pad = 'x'.repeat(2_000)
    for (let n = 0; n < 300; n++) node.rtms.topics.publish('t', pad, { key: `k${n}` })
    const client = node.client('ann')
    client.subscribe('t', () => {}, { conflate: true, keys: ['k1'] })
    await node.advance(0)
    const heard = new Set<string>()
    client.subscribe('t', (_, { key }) => heard.add(key), { conflate: true })
    await node.advance(1_000)
    expect(heard.size).toBe(300)
    await node.close()
  })
})
