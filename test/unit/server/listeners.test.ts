import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryBus } from '../../../src/bus/memory.ts'
import { defaultLimits, type HeardPublication, idlePorts } from '../../../src/core/index.ts'
import { MANY_UNHEARD } from '../../../src/core/topic/listening.ts'
import { Listeners, type ListenOptions } from '../../../src/server/business/listeners.ts'
import type { Logger } from '../../../src/server/ground/logger.ts'
import { Host } from '../../../src/server/host.ts'
import { toPayload } from '../../../src/protocol/index.ts'

/* Listeners and handlers that take time, on a loop whose turns are counted. */

const logged: string[] = []
const note = (details: object): void => void logged.push(String((details as { err?: Error }).err?.message))
const logger: Logger = { debug() {}, info() {}, warn() {}, error: note }

let now = 0
let soon: (() => void)[] = []
let turns = 0
const outside = {
  now: () => now,
  wallNow: () => 1_900_000_000_000 + now,
  random: (bytes: number) => new Uint8Array(bytes).fill(1),
  soon: (action: () => void) => (soon.push(action), () => {}),
  after: () => () => {},
  wait: <T>(work: Promise<T>) => work,
}
const microtasks = async (): Promise<void> => {
  for (let n = 0; n < 200; n++) await Promise.resolve()
}
/** One turn of the event loop. */
async function turn(): Promise<void> {
  turns++
  const due = soon
  soon = []
  for (const action of due) action()
  await microtasks()
}

let host: Host
let listeners: Listeners
beforeEach(() => {
  now = 0
  soon = []
  turns = 0
  const bus = new MemoryBus(() => {})
  const connect = (incarnation: number, listener: Parameters<MemoryBus['connect']>[1]) => ({
    ...bus.connect(incarnation, listener),
    stats: { dropped: 0, strangers: 0 },
    close: async () => {},
  })
  const application = { ...idlePorts.application, published: (topic: string) => listeners.heard(topic) }
  const reports = { fault: note, warn() {} }
  host = new Host(
    { id: 'n', limits: defaultLimits, bus: { connect } },
    application,
    reports,
    undefined,
    outside,
  )
  listeners = new Listeners(host, logger)
})
afterEach(() => {
  vi.restoreAllMocks()
  host.stop()
  expect(logged.splice(0)).toEqual([])
})

const publish = (topic: string, ...words: readonly unknown[]): void => {
  for (const word of words) host.act((node) => node.publish(topic, toPayload(word), '', false, now))
}
const count = (most: number): number[] => Array.from({ length: most }, (_, n) => n)

/** A listener that takes `ms`, and what it hears, with the turn. */
function slow(topic: string, ms: number, options: ListenOptions = {}): { told: string[]; off: () => void } {
  const told: string[] = []
  const listen = (data: unknown): void => {
    now += ms
    told.push(`${turns} ${String(data)}`)
  }
  return { told, off: listeners.add(topic, listen, options) }
}

describe('Listeners of a topic', () => {
  it('run for a few milliseconds in each turn of the event loop, in order', async () => {
    const { told } = slow('t', 3)
    publish('t', ...count(7))
    await microtasks()
    expect(told).toEqual(['0 0', '0 1'])
    publish('t', 7)
    for (let n = 0; n < 4; n++) await turn()
    expect(told.slice(2)).toEqual(['1 2', '1 3', '2 4', '2 5', '3 6', '3 7'])
  })

  it('hold others up no longer, however much was published and however many there are', async () => {
    const all = count(500).map(() => slow('t', 0.2))
    publish('t', ...count(20))
    let longest = 0
    for (let n = 0; n < 1_000 && all.at(-1)?.told.length !== 20; n++) {
      const before = now
      await turn()
      longest = Math.max(longest, now - before)
    }
    // What microtasks have begun, and what goes on, have a few milliseconds each.
    expect(longest).toBeLessThan(9)
    for (const { told } of all) expect(told.map((each) => each.split(' ')[1])).toEqual(count(20).map(String))
  })

  it('of different topics take turns', async () => {
    const [one, other] = [slow('one', 3), slow('other', 3)]
    publish('one', 0, 1, 2, 3)
    publish('other', 0, 1)
    await microtasks()
    for (let n = 0; n < 2; n++) await turn()
    expect([one.told, other.told]).toEqual([
      ['0 0', '0 1', '1 2', '2 3'],
      ['1 0', '2 1'],
    ])
  })

  it('hear each user in turn, however many topics one of them has published to', async () => {
    const payers = (topic: string): string[] => [`user ${topic.split(' ')[0]}`]
    vi.spyOn(host.node.listening, 'payersOf').mockImplementation(payers)
    const eve = count(50).map((n) => slow(`eve ${n}`, 3))
    const [ann, second] = [slow('ann', 3), slow('ann', 3)]
    for (const n of count(50)) publish(`eve ${n}`, n, n)
    publish('ann', 0, 1)
    await microtasks()
    for (let n = 0; n < 4; n++) await turn()
    // Of two listeners each is told in a turn of the same user.
    expect([ann.told, second.told]).toEqual([
      ['1 0', '3 1'],
      ['2 0', '4 1'],
    ])
    expect(eve.flatMap(({ told }) => told)).toHaveLength(6)
  })

  it('hear what is published after they have come, though others have yet to hear what was before', async () => {
    const first = slow('t', 3)
    publish('t', ...count(4))
    await microtasks()
    const second = slow('t', 0, { onGap: ({ lost }) => second.told.push(`lost ${lost}`) })
    publish('t', 4)
    for (let n = 0; n < 4; n++) await turn()
    expect([first.told.map((each) => each.slice(2)), second.told]).toEqual([count(5).map(String), ['2 4']])
  })

  it('hear no more once they are gone, and who comes in their place hears only what is new', async () => {
    const first = slow('t', 3)
    publish('t', ...count(5))
    await microtasks()
    first.off()
    first.off()
    const second = slow('t', 3)
    publish('t', 5)
    for (let n = 0; n < 4; n++) await turn()
    expect([first.told, second.told]).toEqual([['0 0', '0 1'], ['1 5']])
    second.off()
    expect([host.node.logs.of.topic > 0, host.node.listening.next('t', 0)]).toEqual([true, null])
  })

  it('may remove one another, and what one throws or rejects is logged and costs no other one anything', async () => {
    const told: unknown[] = []
    listeners.add('t', (data) => Promise.reject(new Error(`late ${String(data)}`)), {})
    listeners.add(
      't',
      () => {
        off()
        throw new Error('a slip')
      },
      {},
    )
    const off = listeners.add('t', (data) => told.push(data), {})
    listeners.add(
      't',
      async (data) => {
        told.push(data)
        await new Promise(() => {})
      },
      {},
    )
    publish('t', 0, 1)
    await microtasks()
    expect(told).toEqual([0, 1])
    expect(logged.splice(0).sort()).toEqual(['a slip', 'a slip', 'late 0', 'late 1'])
  })

  it('that publish to their own topic for ever hold nobody up', async () => {
    let heard = 0
    listeners.add(
      't',
      () => {
        heard++
        now += 1
        publish('t', 'again')
      },
      {},
    )
    publish('t', 'once')
    await microtasks()
    for (let n = 0; n < 10; n++) await turn()
    expect(heard).toBeGreaterThan(20)
    expect(heard).toBeLessThan(100)
  })

  it('are told how many they have missed, where more came than may wait', async () => {
    const gaps: number[] = []
    const { told } = slow('t', 3, { onGap: ({ lost }) => gaps.push(lost) })
    const large = 'x'.repeat(32_000)
    publish('t', ...count(1_100).map(() => large))
    await microtasks()
    const [lost = 0] = gaps
    expect(lost).toBeGreaterThan(40)
    while (told.length < 1_100 - lost) await turn()
    publish('t', 'end')
    for (let n = 0; n < 2; n++) await turn()
    expect([gaps, told.at(-1)?.endsWith(' end'), told.length]).toEqual([[lost], true, 1_101 - lost])
  })

  it('have heard all before a node is closed, or as much as they can until its deadline', async () => {
    const { told } = slow('t', 3)
    publish('t', ...count(7))
    const settled: string[] = []
    void host.hookTurns.settled(1_000).then(() => settled.push(`${told.length}`))
    await microtasks()
    for (let n = 0; n < 5; n++) await turn()
    expect([settled, told.length]).toEqual([['7'], 7])
    publish('t', ...count(100))
    void host.hookTurns.settled(20).then(() => settled.push(`${told.length}`))
    await microtasks()
    for (let n = 0; n < 60; n++) await turn()
    expect([Number(settled[1]) < 20, told.length]).toEqual([true, 107])
  })
})

describe('A listener of a topic', () => {
  /** Has these be what there is to hear. */
  function has(...all: readonly HeardPublication[]): void {
    const left = [...all]
    vi.spyOn(host.node.listening, 'next').mockImplementation(() => left.shift() ?? null)
  }
  const entryOf = (data: unknown, parts: object = {}): HeardPublication['entry'] => ({
    key: '',
    tombstone: false,
    stamp: 0,
    data: toPayload(data),
    ...parts,
  })

  it('hears of what is lost at the end, where it was there before that, and goes on behind it', async () => {
    const [told, other]: [unknown[], unknown[]] = [[], []]
    const add = (heard: unknown[]): (() => void) =>
      listeners.add('t', (data) => heard.push(data), { onGap: ({ lost }) => heard.push(`lost ${lost}`) })
    add(told)
    publish('t', 'one')
    await microtasks()
    has({ before: 3, entry: null })
    listeners.heard('t')
    await microtasks()
    expect(told).toEqual(['one', 'lost 2'])
    vi.spyOn(host.node.listening, 'begin').mockReturnValue(3)
    add(other)
    // What was lost before it came is none of its business.
    has(
      { before: 3, entry: null },
      { before: 3, entry: entryOf('two') },
      { before: 5, entry: entryOf('three') },
    )
    listeners.heard('t')
    for (let n = 0; n < 3; n++) await turn()
    expect([told.slice(2), other]).toEqual([
      ['two', 'lost 1', 'three'],
      ['two', 'lost 1', 'three'],
    ])
  })

  it('hears the key, whether it was removed, and the millisecond', async () => {
    const told: unknown[] = []
    listeners.add('t', (_, publication) => told.push(publication), {})
    has(
      { before: 0, entry: entryOf(1, { key: 'a', stamp: 1_900_000_000_123_999 }) },
      { before: 1, entry: entryOf(2, { key: 'a', tombstone: true, stamp: 5_000 }) },
    )
    listeners.heard('t')
    for (let n = 0; n < 2; n++) await turn()
    expect(told).toEqual([
      { topic: 't', key: 'a', removed: false, time: 1_900_000_000_123 },
      { topic: 't', key: 'a', removed: true, time: 5 },
    ])
  })

  it('is refused where there is no room for its topic', () => {
    vi.spyOn(host.node.listening, 'begin').mockReturnValue('LIMIT')
    expect(() => listeners.add('t', () => {}, {})).toThrow(expect.objectContaining({ code: 'LIMIT' }))
  })

  it('that goes as the last one ends the listening, unless another one has come by then', async () => {
    const end = vi.spyOn(host.node.listening, 'end')
    const add = (): (() => void) => listeners.add('t', () => {}, {})
    const [one, two] = [add(), add()]
    one()
    one()
    expect(end).not.toHaveBeenCalled()
    two()
    two()
    expect(end).toHaveBeenCalledTimes(1)
    // Inside a hook, it is done afterwards.
    const later: (() => void)[] = []
    vi.spyOn(host, 'afterHook').mockImplementation((act) => void later.push(() => act(host.node, now)))
    add()()
    const third = add()
    for (const act of later.splice(0)) act()
    expect(end).toHaveBeenCalledTimes(1)
    third()
    add()()
    expect(later).toHaveLength(2)
    for (const act of later.splice(0)) act()
    expect(end).toHaveBeenCalledTimes(2)
    // Nobody listens: there is nobody to tell.
    listeners.heard('t')
    await microtasks()
  })
})

it('So many publications may be unheard before users wait as take a listener of 0.2 ms a few turns', () => {
  expect(MANY_UNHEARD * 0.2).toBeLessThan(60)
})
