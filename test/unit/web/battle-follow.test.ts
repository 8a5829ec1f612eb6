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
  readonly name = 'battle.x'
  readonly slot = 0
  #frame: (frame: Frame<Wish>) => void = () => {}
  #rejoin: (joined: Rejoined) => void = () => {}

  constructor() {
    const client = { request: async () => structuredClone(this.state) }
    this.follower = new Follower(client as never, this as never, new Meter(20), () => {})
  }

  onFrame(listener: (frame: Frame<Wish>) => void): void {
    this.#frame = listener
  }

  onRejoin(listener: (joined: Rejoined) => void): void {
    this.#rejoin = listener
  }

  onGap(): void {}

  /** A frame in which somebody comes. */
  frame(number: number, user: string): void {
    const events = [{ type: 'join', slot: number, user }]
    this.#frame({ number, inputs: [], events } as unknown as Frame<Wish>)
  }

  rejoin(parts: Partial<Rejoined>): void {
    this.#rejoin({ recovered: true, reason: '', next: this.follower.state.frame + 1, ...parts })
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

  it('takes the state of the server where frames were undone, and no word is said of it', async () => {
    const page = new Page()
    for (const [at, user] of ['ann', 'bob', 'cid'].entries()) page.frame(at + 1, user)
    step(page.state, joined(1, 'ann'))
    step(page.state, joined(2, 'dan'))
    page.rejoin({ recovered: false, reason: 'REWOUND', next: 2 })
    // They come while the answer is under way.
    page.frame(2, 'dan')
    page.frame(3, 'eve')
    expect(page.follower.inStep).toBe(false)
    await Promise.resolve()
    await Promise.resolve()
    step(page.state, joined(3, 'eve'))
    expect([page.users, page.follower.break]).toEqual([['ann', 'dan', 'eve'], null])
    expect(page.follower.digestAt(3)).toBe(digest(page.state))
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
