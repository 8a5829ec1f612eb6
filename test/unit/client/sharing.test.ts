import { describe, expect, it, vi } from 'vitest'
import type { Client } from '../../../src/client/index.ts'
import { limits, nowhere, type Position } from '../../../src/protocol/index.ts'
import { MOST_LATEST_VALUES, MOST_WAITING_PUBLICATIONS } from '../../../src/client/machine/limits.ts'
import { failure, live, reconnect, settle, type Setup, useVirtualTime } from './fake-socket.ts'
import { positionOf, publicationsOf, subscribedOf, text } from './rig.ts'

useVirtualTime()

/* Several subscribers of one topic, each as if it were alone, on one subscription of the node. */

type Options = NonNullable<Parameters<Client['subscribe']>[2]>
type Wish = ReturnType<typeof wishes>[number]

const wishes = ({ socket }: Pick<Setup, 'socket'>) =>
  socket.takeOf('subscribe').flatMap(({ call, topics }) => topics.map((topic) => ({ call, ...topic })))

/** Adds a subscriber of `t`; what it hears: data, gaps, starts. */
function subscriber({ client }: Setup, options: Options = {}): { heard: unknown[]; off: () => void } {
  const heard: unknown[] = []
  const off = client.subscribe('t', (data) => heard.push(data), {
    onSubscribed: ({ recovered, reason }) => heard.push(`start ${recovered} ${reason}`),
    onGap: ({ lost, reason }) => heard.push(`gap ${lost} ${reason}`),
    ...options,
  })
  return { heard, off }
}

/** The node answers the last SUBSCRIBE of `t`. */
async function answer(
  setup: Pick<Setup, 'socket'>,
  position: Position,
  parts: Partial<Pick<ReturnType<typeof subscribedOf>, 'keyed' | 'recovered' | 'reason'>> = {},
): Promise<Wish | undefined> {
  await settle()
  const wish = wishes(setup).at(-1)
  setup.socket.receive(subscribedOf({ call: wish?.call ?? 0, position, ...parts }))
  await settle()
  return wish
}

describe('Subscribers of one topic', () => {
  it('with different rates share a subscription, and each gets its own', async () => {
    const setup = await live()
    const quick = subscriber(setup, { conflate: true, maxHz: 10 })
    const slow = subscriber(setup, { conflate: true, maxHz: 1 })
    const wish = await answer(setup, positionOf(0))
    expect(wish).toMatchObject({ topic: 't', maxHz: 10, conflate: true })
    setup.socket.receive(publicationsOf([1, 2].map((number) => ({ number, key: `k${number}` }))))
    await vi.advanceTimersByTimeAsync(0)
    for (const number of [3, 4, 5]) setup.socket.receive(publicationsOf([{ number, key: 'a' }]))
    // What comes together is one turn.
    expect([quick.heard, slow.heard]).toEqual([
      ['start false ', 1, 2, 3, 4, 5],
      ['start false ', 1, 2],
    ])
    await vi.advanceTimersByTimeAsync(999)
    expect(slow.heard).toHaveLength(3)
    await vi.advanceTimersByTimeAsync(1)
    expect(slow.heard).toEqual(['start false ', 1, 2, 5])
    quick.off()
    await settle()
    // The node need not send what nobody wants.
    expect(wishes(setup)).toMatchObject([{ maxHz: 1 }])
  })

  it('hear the latest values of their turn in the order of their publication', async () => {
    const setup = await live()
    subscriber(setup)
    const slow = subscriber(setup, { conflate: true, maxHz: 1 })
    await answer(setup, positionOf(1), { keyed: true })
    for (const [number, key] of [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'b'],
    ] as const)
      setup.socket.receive(publicationsOf([{ number, key }]))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(slow.heard).toEqual(['start false ', 1, 3, 4])
  })

  it('of whom one conflates have the node send the latest values of what a slow connection misses', async () => {
    const setup = await live()
    const all = subscriber(setup)
    const latest = subscriber(setup, { conflate: true })
    expect(await answer(setup, positionOf(1), { keyed: true })).toMatchObject({ conflate: false, policy: 1 })
    setup.socket.receive({
      type: 'gap',
      log: 9,
      from: 1,
      to: 9,
      position: positionOf(1),
      reason: 'SLOW',
    })
    setup.socket.receive(publicationsOf([{ number: 8, key: 'a' }]))
    expect([all.heard, latest.heard]).toEqual([
      ['start false ', 'gap 0 SLOW', 8],
      ['start false ', 8],
    ])
  })

  it('hear every publication at their own pace where they do not conflate', async () => {
    const setup = await live()
    const all = subscriber(setup)
    const slow = subscriber(setup, { maxHz: 2 })
    await answer(setup, positionOf(1))
    for (const number of [1, 2, 3]) setup.socket.receive(publicationsOf([{ number }]))
    await vi.advanceTimersByTimeAsync(500)
    expect([all.heard, slow.heard]).toEqual([
      ['start false ', 1, 2, 3],
      ['start false ', 1, 2, 3],
    ])
  })

  it('with different keys hear theirs, and a later one gets the values that it names', async () => {
    const setup = await live()
    const a = subscriber(setup, { keys: ['a'], conflate: true })
    expect(await answer(setup, positionOf(0))).toMatchObject({ keys: [{ key: 'a' }] })
    setup.socket.receive(publicationsOf([{ number: 1, key: 'a' }]))
    const b = subscriber(setup, { keys: ['b'], conflate: true })
    const wish = await answer(setup, positionOf(0))
    expect(wish).toMatchObject({ keys: [{ key: 'a' }, { key: 'b' }], since: nowhere })
    setup.socket.receive(
      publicationsOf([
        { number: 2, key: 'b' },
        { number: 3, key: 'a' },
      ]),
    )
    // A key of the first one that was removed meanwhile would be missing.
    expect(await answer(setup, positionOf(2, [[1, 1]]), { recovered: true })).toMatchObject({
      since: positionOf(2, [[1, 1]]),
    })
    setup.socket.receive(
      publicationsOf([
        { at: 2, number: 2, key: 'b' },
        { at: 3, number: 3, key: 'a' },
      ]),
    )
    expect([a.heard, b.heard]).toEqual([
      ['start false ', 1, 3],
      ['start false ', 2],
    ])
  })

  it('that come late have the node send the latest values where these are too many to keep', async () => {
    const setup = await live()
    const first = subscriber(setup)
    await answer(setup, positionOf(0), { keyed: true })
    const told = Array.from({ length: MOST_LATEST_VALUES }, (_, n) => ({ number: n + 1, key: `k${n}` }))
    setup.socket.receive(publicationsOf(told))
    const second = subscriber(setup)
    await settle()
    expect([wishes(setup), second.heard.length]).toEqual([[], MOST_LATEST_VALUES + 1])
    const third = subscriber(setup)
    const more = { number: MOST_LATEST_VALUES + 1, key: 'one more' }
    // It begins with what is known, though that is too much from here on.
    setup.socket.receive(publicationsOf([more]))
    expect(third.heard).toHaveLength(MOST_LATEST_VALUES + 2)
    const fourth = subscriber(setup)
    expect(await answer(setup, positionOf(0), { keyed: true })).toMatchObject({ topic: 't', since: nowhere })
    setup.socket.receive(publicationsOf([...told, more]))
    expect([first, second, third, fourth].map(({ heard }) => heard.length)).toEqual(
      Array.from({ length: 4 }, () => MOST_LATEST_VALUES + 2),
    )
  })

  it('that come late begin with the latest values of a topic that has keys, without a word to the node', async () => {
    const setup = await live()
    subscriber(setup)
    await answer(setup, positionOf(0), { keyed: true })
    setup.socket.receive(
      publicationsOf([
        { number: 1, key: 'a' },
        { number: 2, key: 'b' },
        { number: 3, key: 'a' },
      ]),
    )
    const late = subscriber(setup)
    expect(late.heard).toEqual([])
    await settle()
    expect([late.heard, wishes(setup)]).toEqual([['start false ', 3, 2], []])
  })

  it('that come late get their history, and the others nothing twice', async () => {
    const setup = await live()
    const first = subscriber(setup)
    expect(await answer(setup, positionOf(5, [[1, 4]]))).toMatchObject({ history: 0 })
    setup.socket.receive(publicationsOf([{ at: 5, number: 5 }]))
    const late = subscriber(setup, { history: 3 })
    expect(await answer(setup, positionOf(3, [[1, 2]]))).toMatchObject({ history: 3, since: nowhere })
    setup.socket.receive(
      publicationsOf([
        { at: 3, number: 3 },
        { at: 4, number: 4 },
        { at: 5, number: 5 },
        { at: 6, number: 6 },
      ]),
    )
    expect([first.heard, late.heard]).toEqual([
      ['start false ', 5, 6],
      ['start false ', 3, 4, 5, 6],
    ])
  })

  it('miss nothing where another one begins behind what they have had', async () => {
    const setup = await live()
    const first = subscriber(setup)
    await answer(setup, positionOf(5, [[1, 4]]))
    const late = subscriber(setup, { history: 1 })
    // The node was about to send them 5 and 6.
    expect(await answer(setup, positionOf(6, [[1, 5]]))).toMatchObject({ history: 1 })
    setup.socket.receive(publicationsOf([{ at: 6, number: 6 }]))
    expect([first.heard, late.heard]).toEqual([['start false '], ['start false ', 6]])
    expect(await answer(setup, positionOf(5, [[1, 4]]), { recovered: true })).toMatchObject({
      since: positionOf(5, [[1, 4]]),
    })
    setup.socket.receive(
      publicationsOf([
        { at: 5, number: 5 },
        { at: 6, number: 6 },
        { at: 7, number: 7 },
      ]),
    )
    expect([first.heard, late.heard]).toEqual([
      ['start false ', 5, 6, 7],
      ['start false ', 6, 7],
    ])
  })

  it('miss nothing where one is gone before the node has begun where that one wanted', async () => {
    const setup = await live()
    const first = subscriber(setup)
    await answer(setup, positionOf(5, [[1, 4]]))
    setup.socket.receive(publicationsOf([{ at: 5, number: 5 }]))
    const since = positionOf(2, [[1, 1]])
    subscriber(setup, { since, conflate: true }).off()
    const again = subscriber(setup, { since, conflate: true })
    await settle()
    const [wish] = wishes(setup)
    expect(wish).toMatchObject({ since })
    again.off()
    await settle()
    // The node has lost what that one wanted, and tells the latest values instead.
    const call = wish?.call ?? 0
    setup.socket.receive(subscribedOf({ call, position: positionOf(0), reason: 'RETENTION' }))
    setup.socket.receive(publicationsOf([{ at: 7, number: 7, key: 'a' }]))
    const here = positionOf(6, [[1, 5]])
    expect(await answer(setup, here, { recovered: true })).toMatchObject({ since: here })
    setup.socket.receive(publicationsOf([6, 7, 8].map((number) => ({ at: number, number }))))
    expect(first.heard).toEqual(['start false ', 5, 6, 7, 8])
  })

  it('hear of no loss where another one asks for what is not kept any more', async () => {
    const setup = await live()
    const first = subscriber(setup)
    await answer(setup, positionOf(8, [[1, 7]]))
    setup.socket.receive(publicationsOf([{ at: 8, number: 8 }]))
    const back = subscriber(setup, { since: positionOf(2, [[1, 1]]) })
    expect(await answer(setup, positionOf(7, [[1, 6]]), { reason: 'RETENTION' })).toMatchObject({
      since: positionOf(2, [[1, 1]]),
    })
    setup.socket.receive(publicationsOf([7, 8].map((number) => ({ at: number, number }))))
    const here = positionOf(9, [[1, 8]])
    expect(await answer(setup, here, { recovered: true })).toMatchObject({ since: here })
    setup.socket.receive(publicationsOf([{ at: 9, number: 9 }]))
    expect([first.heard, back.heard]).toEqual([
      ['start false ', 8, 9],
      ['start false RETENTION', 'gap 5 RETENTION', 7, 8, 9],
    ])
  })

  it('that ask for different histories at once get their own each', async () => {
    const setup = await live()
    const none = subscriber(setup)
    const two = subscriber(setup, { history: 2 })
    expect(await answer(setup, positionOf(3, [[1, 2]]))).toMatchObject({ history: 0 })
    expect(await answer(setup, positionOf(1))).toMatchObject({ history: 2 })
    setup.socket.receive(
      publicationsOf([
        { at: 1, number: 1 },
        { at: 2, number: 2 },
        { at: 3, number: 3 },
      ]),
    )
    expect([none.heard, two.heard]).toEqual([
      ['start false ', 3],
      ['start false ', 1, 2, 3],
    ])
  })

  it('are told of each reconnect, and go on where they were', async () => {
    const setup = await live()
    const all = [subscriber(setup), subscriber(setup, { maxHz: 5 })]
    await answer(setup, positionOf(1))
    setup.socket.receive(publicationsOf([{ at: 1, number: 1 }]))
    const socket = await reconnect(setup)
    const wish = await answer({ socket }, positionOf(2, [[1, 1]]), { recovered: true })
    expect(wish).toMatchObject({ since: positionOf(2, [[1, 1]]), maxHz: 0 })
    for (const { heard } of all) expect(heard).toEqual(['start false ', 1, 'start true '])
  })

  it('that come late hear nothing that others have had, on whichever node and connection', async () => {
    const setup = await live()
    const first = subscriber(setup)
    await answer(setup, positionOf(1))
    setup.socket.receive(publicationsOf([{ at: 1, number: 1 }]))
    /** The client comes to a node that has heard nothing of that publisher yet, and then once more. */
    const comesTo = async (at: number, parts: Parameters<typeof answer>[2]): Promise<Setup['socket']> => {
      const socket = await reconnect(setup)
      await answer({ socket }, { epoch: 4, at, numbers: [] }, parts)
      return socket
    }
    await comesTo(5, { reason: 'NEW_EPOCH' })
    const socket = await comesTo(5, { recovered: true })
    const second = subscriber(setup)
    await settle()
    const third = subscriber(setup)
    first.off()
    await settle()
    const fourth = subscriber(setup)
    await settle()
    // Now that node has what it has missed.
    socket.receive(publicationsOf([1, 2].map((number) => ({ at: 4 + number, number }))))
    expect(first.heard).toEqual([
      'start false ',
      1,
      'start false NEW_EPOCH',
      'gap 0 NEW_EPOCH',
      'start true ',
    ])
    for (const { heard } of [second, third, fourth]) expect(heard).toEqual(['start false ', 2])
  })

  it('may remove themselves and each other while one of them is called', async () => {
    const setup = await live()
    const heard: string[] = []
    let offs: (() => void)[] = []
    offs = ['one', 'two', 'three'].map((name) =>
      setup.client.subscribe('t', () => {
        heard.push(name)
        offs[1]?.()
        if (name === 'three') offs[2]?.()
      }),
    )
    await answer(setup, positionOf(1))
    for (const number of [1, 2]) setup.socket.receive(publicationsOf([{ number }]))
    expect(heard).toEqual(['one', 'three', 'one'])
  })

  it('get bytes of their own', async () => {
    const setup = await live()
    const heard: unknown[] = []
    for (const _ of [1, 2])
      setup.client.subscribe<Uint8Array>('t', (data) => {
        heard.push([...data])
        data.fill(9)
      })
    await answer(setup, positionOf(1))
    setup.socket.receive(
      publicationsOf([{ number: 1, data: { text: false, bytes: new Uint8Array([1, 2]) } }]),
    )
    expect(heard).toEqual([
      [1, 2],
      [1, 2],
    ])
  })

  it('have the node send all keys where they name more than it may be asked for', async () => {
    for (const [most, sent] of [
      [limits.keys, limits.keys],
      [limits.keys + 1, 0],
    ] as const) {
      const setup = await live()
      const keys = Array.from({ length: most }, (_, n) => `k${n}`)
      for (const key of keys) subscriber(setup, { keys: [key] })
      const wish = await answer(setup, positionOf(0), { keyed: true })
      expect(wish?.keys).toHaveLength(sent)
    }
  })

  it('that come late have the node asked where one of their keys is new to it', async () => {
    const setup = await live()
    subscriber(setup, { keys: ['a', 'b'] })
    await answer(setup, positionOf(0), { keyed: true })
    const covered = subscriber(setup, { keys: ['b'] })
    await settle()
    expect([wishes(setup), covered.heard]).toEqual([[], ['start false ']])
    const late = subscriber(setup, { keys: ['b', 'c'] })
    await settle()
    expect([wishes(setup).map(({ keys }) => keys.map(({ key }) => key)), late.heard]).toEqual([
      [['a', 'b', 'c']],
      [],
    ])
  })

  it('that want every publication begin anew where the node has sent the latest ones alone', async () => {
    const setup = await live()
    subscriber(setup, { conflate: true })
    expect(await answer(setup, positionOf(5, [[1, 4]]))).toMatchObject({ conflate: true })
    const all = subscriber(setup)
    await settle()
    expect([wishes(setup), all.heard]).toMatchObject([[{ conflate: false, since: nowhere }], []])
  })

  it('at a rate are given what waits before its time where it has become much', async () => {
    const setup = await live()
    subscriber(setup)
    const slow = subscriber(setup, { maxHz: 1 })
    await answer(setup, positionOf(1))
    setup.socket.receive(publicationsOf([{ number: 1 }]))
    await vi.advanceTimersByTimeAsync(0)
    expect(slow.heard).toHaveLength(2)
    const more = Array.from({ length: MOST_WAITING_PUBLICATIONS }, (_, n) => ({ number: n + 2 }))
    setup.socket.receive(publicationsOf(more.slice(1)))
    expect(slow.heard).toHaveLength(2)
    setup.socket.receive(publicationsOf([{ number: MOST_WAITING_PUBLICATIONS + 2 }]))
    expect(slow.heard).toHaveLength(2 + MOST_WAITING_PUBLICATIONS)
  })

  it('get objects of their own', async () => {
    const setup = await live()
    const heard: unknown[] = []
    for (const _ of [1, 2])
      setup.client.subscribe<{ n: number }>('t', (data) => {
        heard.push({ ...data })
        data.n = 9
      })
    await answer(setup, positionOf(1))
    setup.socket.receive(publicationsOf([{ number: 1, data: text('{"n":1}') }]))
    expect(heard).toEqual([{ n: 1 }, { n: 1 }])
  })

  it('end together where the node ends the subscription, and those with a listener hear why', async () => {
    const setup = await live()
    const errors: unknown[] = []
    setup.client.subscribe('t', () => {}, { onError: ({ code }) => errors.push(code) })
    setup.client.subscribe('t', () => {})
    await answer(setup, positionOf(1))
    setup.socket.receive({ type: 'ended', log: 9, error: 'FORBIDDEN', message: 'no' })
    expect([errors, setup.client.position('t')]).toEqual([['FORBIDDEN'], null])
  })
})

describe('A subscription that the node has ended', () => {
  it('leaves alone the one that has taken its place', async () => {
    const setup = await live()
    const off = setup.client.subscribe('t', () => {}, { onError: () => {} })
    await answer(setup, positionOf(1))
    setup.socket.receive({ type: 'ended', log: 9, error: 'FORBIDDEN', message: 'no' })
    const { heard } = subscriber(setup)
    off()
    await answer(setup, positionOf(1))
    setup.socket.receive(publicationsOf([{ number: 1 }]))
    expect([heard, setup.client.position('t')?.at]).toEqual([['start false ', 1], 2])
  })
})

describe('One call of subscribe', () => {
  it('follows many topics, in one packet, until it is taken back', async () => {
    const setup = await live()
    const heard: unknown[] = []
    const off = setup.client.subscribe(['a', 'b'], (data, { topic }) => heard.push([topic, data]))
    await settle()
    const [subscribe] = setup.socket.takeOf('subscribe')
    expect(subscribe?.topics.map(({ topic }) => topic)).toEqual(['a', 'b'])
    const call = subscribe?.call ?? 0
    setup.socket.receive(
      subscribedOf({ call, topic: 'a', log: 9, position: positionOf(1) }),
      subscribedOf({ call, index: 1, topic: 'b', log: 10, position: positionOf(1) }),
    )
    setup.socket.receive(publicationsOf([{ number: 1 }]), { ...publicationsOf([{ number: 1 }]), log: 10 })
    expect(heard).toEqual([
      ['a', 1],
      ['b', 1],
    ])
    off()
    await settle()
    expect(setup.socket.takeOf('unsubscribe')).toHaveLength(2)
  })

  it('refuses a pattern, and says what to use instead', async () => {
    const { client } = await live()
    expect(() => client.subscribe('stock.*', () => {})).toThrow(/"stock\.\*" .*keys/)
    expect(await failure(client.publish('stock.*', 1))).toMatchObject({ code: 'BAD_TOPIC' })
  })
})

describe('Thousands of subscribers of one topic', () => {
  /** Keys that count how often they are looked at. */
  function counted(keys: string[], looks: { count: number }): string[] {
    return new Proxy(keys, {
      get(target, name, receiver) {
        if (name === '0') looks.count++
        return Reflect.get(target, name, receiver) as unknown
      },
    })
  }

  /** How often the keys of so many are looked at when all come and go in one turn, and again once the node has answered. */
  async function looksAt(most: number): Promise<number> {
    const setup = await live()
    const looks = { count: 0 }
    const all = (): (() => void)[] =>
      Array.from({ length: most }, () =>
        setup.client.subscribe('t', () => {}, { keys: counted(['a'], looks) }),
      )
    const first = setup.client.subscribe('t', () => {}, { keys: ['a', 'b'] })
    let offs = all()
    for (const off of offs) off()
    await answer(setup, positionOf(0), { keyed: true })
    offs = all()
    await settle()
    for (const off of offs) off()
    await settle()
    expect(wishes(setup)).toEqual([])
    first()
    await settle()
    expect(setup.socket.takeOf('unsubscribe')).toHaveLength(1)
    return looks.count
  }

  it('are each looked at a few times, however many come and go together', async () => {
    const few = await looksAt(30)
    const many = await looksAt(3_000)
    expect(few).toBeGreaterThan(0)
    expect(many).toBe(100 * few)
  })

  it('have the node asked once for all, in the packet with what else the turn has to say', async () => {
    const setup = await live()
    const before = setup.socket.packets
    void failure(setup.client.publish('u', 1))
    for (let n = 0; n < 100; n++) setup.client.subscribe('t', () => {}, { keys: [`k${n}`] })
    await settle()
    const [wish, ...rest] = wishes(setup)
    expect([wish?.keys.length, rest.length, setup.socket.packets - before]).toEqual([100, 0, 1])
  })

  it('that come while a packet is read are not taken for those whom its answers are for', async () => {
    const setup = await live()
    let late: { heard: unknown[] } | undefined
    setup.client.subscribe('t', () => (late ??= subscriber(setup, { keys: ['c'] })), { keys: ['a'] })
    await answer(setup, positionOf(0), { keyed: true })
    const b = subscriber(setup, { keys: ['b'] })
    await settle()
    const call = wishes(setup).at(-1)?.call ?? 0
    // One packet: news for the first one, upon which another one comes, and the answer to what was asked before that.
    setup.socket.receive(
      publicationsOf([{ number: 1, key: 'a' }]),
      subscribedOf({ call, position: positionOf(0), keyed: true }),
    )
    expect([b.heard, late?.heard]).toEqual([['start false '], []])
    // The first one goes on where it was, and then it is the last one's turn.
    setup.socket.receive(publicationsOf([{ number: 1, key: 'a' }]))
    const keys = [{ key: 'a' }, { key: 'b' }, { key: 'c' }]
    expect(await answer(setup, positionOf(2, [[1, 1]]), { recovered: true })).toMatchObject({ keys })
    expect(await answer(setup, positionOf(0), { keyed: true })).toMatchObject({ keys, since: nowhere })
    setup.socket.receive(publicationsOf([{ number: 2, key: 'c' }]))
    expect(late?.heard).toEqual(['start false ', 2])
  })
})
