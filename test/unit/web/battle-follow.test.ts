import { describe, expect, it } from 'vitest'
import type { Frame, Meeting } from '../../../src/client/index.ts'
import { digest, newState, type State, step, type Wish } from '../../../src/demo/battle/index.ts'
import { Follower } from '../../../web/src/battle/follow.ts'
import { Meter } from '../../../web/src/battle/meter.ts'

type Rejoined = Parameters<Parameters<Meeting['onRejoin']>[0]>[0]

/** A page in a room whose frames, rejoins and state the test decides. */
class Page {
  readonly follower: Follower
  epoch = 1
  headAtJoin = 0
  /** The state of the server. */
  state: State = newState()
  frameRate = 20
  stable = 0
  readonly seed = new Uint8Array(8)
  readonly sent: unknown[] = []
  readonly name = 'battle.x'
  readonly slot = 0
  readonly #frames: ((frame: Frame<Wish>) => void)[] = []
  readonly #rejoins: ((joined: Rejoined) => void)[] = []
  readonly #gaps: ((gap: { from: number; to: number }) => void)[] = []
  #now = 0

  constructor() {
    const client = { request: async () => structuredClone(this.state) }
    this.follower = new Follower(client as never, this as never, new Meter(20), () => {})
  }

  onFrame(listener: (frame: Frame<Wish>) => void): void {
    this.#frames.push(listener)
  }

  onRejoin(listener: (joined: Rejoined) => void): void {
    this.#rejoins.push(listener)
  }

  onGap(listener: (gap: { from: number; to: number }) => void): void {
    this.#gaps.push(listener)
  }

  async send(data: unknown): Promise<number> {
    return this.sent.push(data)
  }

  gap(from: number, to: number): void {
    for (const listener of this.#gaps) listener({ from, to })
  }

  /** A picture is drawn. */
  draw(): void {
    this.follower.advance((this.#now += 50))
  }

  /** A frame in which somebody comes. */
  frame(number: number, user: string): void {
    const events = [{ type: 'join', slot: number, user }]
    for (const listener of this.#frames) listener({ number, inputs: [], events } as unknown as Frame<Wish>)
    this.draw()
  }

  vote(number: number, data: unknown): void {
    const inputs = [{ slot: 7, seq: 1, data: data as Wish }]
    for (const listener of this.#frames) listener({ number, inputs, events: [] })
    this.draw()
  }

  rejoin(parts: Partial<Rejoined>): void {
    const joined = { recovered: true, reason: '', next: this.follower.state.frame + 1, ...parts } as const
    for (const listener of this.#rejoins) listener(joined)
  }

  get users(): string[] {
    return this.follower.state.players.map(({ user }) => user)
  }
}

const joined = (number: number, user: string) => ({
  number,
  inputs: [],
  events: [{ type: 'join', slot: number, user }],
})

describe('A page of the battle', () => {
  it('goes on with the frames that come after a reconnect', () => {
    const page = new Page()
    page.frame(1, 'ann')
    page.rejoin({})
    page.frame(2, 'bob')
    expect([page.users, page.follower.break]).toEqual([['ann', 'bob'], null])
  })

  it('undoes what is undone, and no word is said of it', () => {
    const page = new Page()
    for (const [at, user] of ['ann', 'bob', 'cid'].entries()) page.frame(at + 1, user)
    page.rejoin({ recovered: false, reason: 'REWOUND', next: 2 })
    page.frame(2, 'dan')
    page.frame(3, 'eve')
    for (const [at, user] of ['ann', 'dan', 'eve'].entries()) step(page.state, joined(at + 1, user))
    expect([page.users, page.follower.break]).toEqual([['ann', 'dan', 'eve'], null])
    expect(page.follower.digestAt(3)).toBe(digest(page.state))
  })

  it('takes the state of the server where frames are missing, and says how many', async () => {
    const page = new Page()
    page.frame(1, 'ann')
    page.gap(2, 4)
    for (const [at, user] of ['ann', 'bob', 'cid', 'dan'].entries()) step(page.state, joined(at + 1, user))
    // They come while the answer is under way.
    page.frame(4, 'dan')
    page.frame(5, 'eve')
    expect([page.follower.inStep, page.follower.break]).toEqual([false, null])
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    page.draw()
    step(page.state, joined(5, 'eve'))
    expect([page.users, page.follower.break]).toEqual([
      ['ann', 'bob', 'cid', 'dan', 'eve'],
      { type: 'skipped', count: 2 },
    ])
    expect(page.follower.digestAt(5)).toBe(digest(page.state))
  })

  it('takes the state of the server where others have another one, and says so', async () => {
    const page = new Page()
    for (let number = 1; number <= 100; number++) page.frame(number, `user ${number}`)
    expect(page.sent).toEqual([{ check: 100, hash: page.follower.digestAt(100) }])
    for (let number = 1; number <= 150; number++) step(page.state, joined(number, `other ${number}`))
    page.vote(101, { check: 100, hash: 'another' })
    for (let number = 102; number <= 150; number++) page.frame(number, `other ${number}`)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    page.draw()
    expect([page.users[0], page.follower.break]).toEqual(['other 1', { type: 'diverged' }])
  })

  it('asks nobody where what was undone had not come here', () => {
    const page = new Page()
    page.frame(1, 'ann')
    page.rejoin({ recovered: false, reason: 'REWOUND', next: 2 })
    expect(page.follower.inStep).toBe(true)
  })

  it.each([
    ['revived', 2],
    ['restarted', 1],
  ])('follows a new epoch from its first frame, and says that the room was %s', (type, head) => {
    const page = new Page()
    page.frame(1, 'ann')
    page.frame(2, 'bob')
    page.epoch = 2
    page.headAtJoin = head
    page.rejoin({ recovered: false, reason: 'NEW_EPOCH', next: 1 })
    page.frame(1, 'ann')
    expect([page.users, page.follower.break]).toEqual([['ann'], { type }])
  })
})
