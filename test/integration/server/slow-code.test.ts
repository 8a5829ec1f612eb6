import { afterEach, describe, expect, it } from 'vitest'
import { toPayload } from '../../../src/protocol/index.ts'
import type { Rtms, Schema } from '../../../src/server/index.ts'
import { Peer, request, start, stopAll, tokenOf } from './peer.ts'

/* What the business takes long over holds up nobody else, however much of it one user sends. */

afterEach(stopAll)

/** More than a sweep, and than the handlers of a turn of the event loop. */
const SLOW_MS = 10
const MANY = 20

/** Whatever it is asked about takes long. Notes in which turn of the event loop that was. */
class Slow {
  readonly turns: number[] = []
  #turn = 0
  #next: NodeJS.Immediate | undefined

  constructor() {
    const turn = (): void => {
      this.#turn++
      this.#next = setImmediate(turn)
    }
    turn()
  }

  stop(): void {
    clearImmediate(this.#next)
  }

  think(): void {
    this.turns.push(this.#turn)
    for (const end = performance.now() + SLOW_MS; performance.now() < end;);
  }

  /** How many times it was asked in the turn in which it was asked most. */
  get most(): number {
    return Math.max(...this.turns.map((turn) => this.turns.filter((each) => each === turn).length))
  }

  readonly schema: Schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        this.think()
        return { value }
      },
    },
  }
}

let slow: Slow

async function begin(): Promise<{ rtms: Rtms; peer: Peer }> {
  slow = new Slow()
  const rtms = await start()
  const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
  return { rtms, peer }
}

afterEach(() => slow.stop())

const publish = (call: number) =>
  ({ type: 'publish', call, topic: 't', key: '', tombstone: false, data: toPayload(call) }) as const

describe('A user who sends much that the business takes long over', () => {
  it('has publications checked one in each turn of the event loop', async () => {
    const { rtms, peer } = await begin()
    rtms.topics.onPublish('t', slow.schema)
    peer.send(...Array.from({ length: MANY }, (_, n) => publish(n + 1)))
    await peer.next('done', ({ call }) => call === MANY)
    expect([slow.turns.length, slow.most]).toEqual([MANY, 1])
  })

  it('has requests checked and answered one in each turn, in order for a method', async () => {
    const { rtms, peer } = await begin()
    for (const method of ['a', 'b']) rtms.onRequest(method, slow.schema, ({ data }) => data)
    peer.send(...Array.from({ length: MANY }, (_, n) => request(n + 1, n % 2 === 0 ? 'a' : 'b', n)))
    await peer.next('reply', ({ call }) => call === MANY)
    await peer.next('reply', ({ call }) => call === MANY - 1)
    expect([slow.turns.length, slow.most]).toEqual([MANY, 1])
    const answered = peer.all('reply').map(({ call }) => call)
    for (const of of [0, 1]) {
      const calls = answered.filter((call) => call % 2 === of)
      expect(calls).toEqual(calls.toSorted((a, b) => a - b))
    }
  })
})
