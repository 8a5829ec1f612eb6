import { describe, expect, it } from 'vitest'
import { policies } from '../../../src/core/index.ts'
import {
  type ErrorCode,
  type MeetingEvent,
  type MessageOf,
  SYSTEM_SLOT,
} from '../../../src/protocol/index.ts'
import { isAbove } from '../../../src/core/meeting/reigns.ts'
import { InputChecker } from '../../../src/testing/checkers/inputs.ts'
import { IsolationChecker } from '../../../src/testing/checkers/isolation.ts'
import { NameChecker } from '../../../src/testing/checkers/names.ts'
import { OwnerChecker } from '../../../src/testing/checkers/owners.ts'
import { PlaceChecker } from '../../../src/testing/checkers/places.ts'
import { PolicyChecker } from '../../../src/testing/checkers/policies.ts'
import { Rooms } from '../../../src/testing/checkers/rooms.ts'
import { Silences } from '../../../src/testing/cluster/silences.ts'
import type { MeetingPlan, Scenario } from '../../../src/testing/scenario.ts'
import type { SimNode } from '../../../src/testing/sim-node.ts'
import { textPayload } from '../../../src/testing/text.ts'

/** A node of the simulator that has these meetings. */
function nodeWith(index: number, incarnation: number, meetings: readonly string[]): SimNode {
  const core = {
    meetings: () => meetings.map((name) => ({ name })),
    meeting: (name: string) => (meetings.includes(name) ? {} : undefined),
  }
  return { index, incarnation, core } as unknown as SimNode
}

describe('The checker of names', () => {
  it('knows of a meeting that a node has taken over without its business, and of no other', () => {
    let now = 0
    const checker = new NameChecker(
      () => [nodeWith(0, 5, []), nodeWith(1, 6, ['m0'])],
      1,
      () => now,
    )
    const ask = (name: string, owner: number): void =>
      checker.located(0, name, { ok: true, value: { owner, isNew: false } }, 2)
    checker.phase('well')
    ask('m0', 6)
    now = 1_000
    ask('m0', 6)
    ask('m0', 5)
    // A node may stand for a meeting for so long.
    now = 4_500
    ask('m0', 6)
    now = 5_000
    expect(() => ask('m0', 6)).toThrow('a node was said to have a meeting that it never had: m0 5')
  })
})

describe('Who has not heard whom', () => {
  it('excuses a node that has heard nobody who lives for a lease, of those who came later too', () => {
    const excuses = (hasEnded: boolean): boolean[] => {
      const silences = new Silences()
      silences.started(1, 1_000)
      silences.started(2, 1_000)
      silences.started(3, 1_500)
      silences.heard(2, 1, 3_900)
      silences.heard(3, 1, 3_900)
      silences.heard(1, 3, 3_900)
      silences.heard(1, 2, 3_900)
      silences.heard(3, 2, 3_900)
      // Node 2 never hears node 3, which started later.
      if (hasEnded) silences.ended(1, 3_900)
      return [3_999, 4_000].map((now) => silences.excuse(now))
    }
    expect([excuses(false), excuses(true)]).toEqual([
      [false, false],
      [false, true],
    ])
  })
})

describe('A silence', () => {
  /** Node 2 never hears node 1, and ends; node 3, which it has told that all are there, goes on. */
  const excuses = (endedAt: number, ...times: number[]): boolean[] => {
    const silences = new Silences()
    silences.started(1, 0)
    silences.started(2, 1_000)
    silences.started(3, 2_000)
    for (const now of [2_500, 3_500])
      for (const [by, from] of [
        [1, 2],
        [1, 3],
        [2, 3],
        [3, 2],
      ] as const)
        silences.heard(by, from, now)
    silences.ended(2, endedAt)
    return times.map((now) => silences.excuse(now))
  }

  it('of a node that has ended is remembered, for as long as a name that was granted may take to be opened', () => {
    expect(excuses(4_000, 4_001, 4_900, 4_999)).toEqual([true, true, true])
    expect(excuses(3_999, 4_001, 4_900, 4_999)).toEqual([false, false, false])
  })
})

describe('The checker of owners', () => {
  /** What a node has open, or a copy of: the world, and the fence of its last frame. */
  interface Has {
    readonly world: number
    readonly term: number
    readonly incarnation: number
  }

  /** A node with incarnation 10 more than its index. */
  class Node {
    alive = true
    open: Has | null = null
    copy: Has | null = null
    readonly index: number
    readonly incarnation: number

    constructor(index: number) {
      this.index = index
      this.incarnation = 10 + index
    }

    get core(): object {
      const outruns = (own: Has): boolean => this.copy?.world === own.world && isAbove(this.copy, own)
      const mesh = {
        deposing: { claimant: () => this.open },
        replica: () => (this.copy === null ? undefined : { copy: { outruns } }),
      }
      return { meeting: () => this.open ?? undefined, peering: { mesh } }
    }
  }

  const FIRST = { world: 7, term: 1, incarnation: 10 }
  const LATER = { world: 7, term: 2, incarnation: 11 }
  const frame = (number: number) => ({ number, events: [], inputs: [] })

  /** Node 0 hangs, and node 1 goes on with its world; then that one has ended. */
  function passedOver() {
    const nodes = [0, 1, 2].map((index) => new Node(index)) as [Node, Node, Node]
    const [first, later] = nodes
    const undone: number[] = []
    const silences = { excuse: () => true, since: () => true } as unknown as Silences
    const checker = new OwnerChecker(
      () => nodes as unknown as SimNode[],
      silences,
      () => 0,
      (node, _meeting, world, last) => undone.push(node, world, last),
    )
    const seal = (node: number, number: number): void => checker.sealed(node, 'm', 7, frame(number))
    first.open = FIRST
    checker.opened(0, 'm', 7)
    seal(0, 1)
    later.open = LATER
    checker.revived(1, 'm', 7)
    seal(1, 2)
    later.alive = false
    return { nodes, checker, seal, undone }
  }

  it('lets one that was passed over seal again once nothing is left of the other, and says what is lost', () => {
    const { nodes, checker, seal, undone } = passedOver()
    const [first, , third] = nodes
    third.copy = FIRST
    seal(0, 2)
    seal(0, 3)
    expect(undone).toEqual([0, 7, 1])
    // From now on the world is its own, to be handed over as well.
    first.open = null
    third.open = FIRST
    checker.handed(2, 'm', 7)
    seal(2, 4)
    expect(() => seal(0, 5)).toThrow('node 0 sealed frame 5 of m, which node 2 has')
  })

  it('lets it hand its reign over, which changes nothing: who is given it seals nothing', () => {
    const { nodes, checker, seal } = passedOver()
    const [first, later, third] = nodes
    later.alive = true
    first.open = null
    third.open = FIRST
    checker.handed(2, 'm', 7)
    seal(1, 3)
    expect(() => seal(2, 2)).toThrow('node 2 sealed frame 2 of m, which node 1 has')
    third.open = LATER
    checker.handed(2, 'm', 7)
    seal(2, 4)
  })

  it('does not while the one that has gone on lives, nor while a node has a copy of its frames, or goes on', () => {
    const { nodes, seal, undone } = passedOver()
    const [, later, third] = nodes
    later.alive = true
    expect(() => seal(0, 2)).toThrow('node 0 sealed frame 2 of m, which node 1 has')
    later.alive = false
    third.copy = LATER
    expect(() => seal(0, 2)).toThrow('I10')
    third.copy = null
    third.open = LATER
    expect(() => seal(0, 2)).toThrow('I10')
    third.open = { ...LATER, world: 8 }
    seal(0, 2)
    expect(undone).toEqual([0, 7, 1])
  })

  it('nor one that has never had that world, has another, or has given it away', () => {
    const { nodes, checker, seal } = passedOver()
    const [first, later, third] = nodes
    third.open = { ...FIRST, term: 3 }
    expect(() => seal(2, 2)).toThrow('node 2 sealed frame 2 of m, which node 1 has')
    third.open = null
    first.open = { ...FIRST, world: 8 }
    expect(() => seal(0, 2)).toThrow('I10')
    first.open = null
    expect(() => seal(0, 2)).toThrow('I10')
    // One that has handed over a reign, and seals at that fence.
    later.alive = true
    first.open = LATER
    checker.handed(0, 'm', 7)
    first.alive = false
    expect(() => seal(1, 3)).toThrow('node 1 sealed frame 3 of m, which node 0 has')
  })
})

describe('The checker of owners, of fences', () => {
  const ann = { id: 1, user: 'ann', node: 0, prompt: true }
  const joined = (world: number, term: number, incarnation: number): never =>
    ({ type: 'joined', meeting: 'm', world, term, incarnation }) as never

  /** Node 1 goes on with world 7 of node 0, at term 3; tells a client that it has joined a world at a fence. */
  function wentOn(silences: Partial<Silences> = {}) {
    let now = 0
    const nodes = [0, 1, 2].map((index) => ({
      index,
      incarnation: 10 + index,
      alive: true,
      core: { meeting: () => {} },
    }))
    const checker = new OwnerChecker(
      () => nodes as unknown as SimNode[],
      { excuse: () => false, since: () => false, ...silences } as unknown as Silences,
      () => ++now,
      () => {},
    )
    checker.opened(0, 'm', 7)
    checker.down(ann, 1, joined(7, 1, 10))
    checker.died()
    checker.revived(1, 'm', 7)
    checker.down(ann, 1, joined(7, 3, 11))
    return { checker, tell: (...fence: [number, number, number]) => checker.down(ann, 1, joined(...fence)) }
  }

  it('has them rise from a world that was gone on with to whatever is opened later, and to who goes on', () => {
    for (const term of [2, 3]) {
      const { checker, tell } = wentOn()
      checker.opened(2, 'm', 8)
      expect(() => tell(8, term, 12)).toThrow(`m was opened at fence 3, and later at fence ${term}`)
    }
    const { checker, tell } = wentOn()
    checker.opened(2, 'm', 8)
    tell(8, 4, 12)
    // Back to the first one, which somebody has kept.
    checker.revived(0, 'm', 7)
    expect(() => tell(7, 4, 10)).toThrow('m was opened at fence 4, and later at fence 4')
  })

  it('does not where a node was silent or has ended since, which may have taken with it what it knew', () => {
    const { checker, tell } = wentOn({ since: () => true })
    checker.opened(2, 'm', 8)
    tell(8, 2, 12)
    const other = wentOn()
    other.checker.leaving()
    other.checker.opened(2, 'm', 8)
    other.tell(8, 2, 12)
    expect(() => other.tell(8, 3, 12)).toThrow('m has fence 2, and fence 3')
  })
})

describe('The checker of inputs', () => {
  const ann = { id: 1, user: 'ann', node: 0, prompt: true }
  const data = textPayload('x')
  const frameOf = (number: number) => ({ number, events: [], inputs: [{ slot: 0, seq: 1, data }] })

  /** Node 0 seals an input in frame 3; node 1 goes on behind frame 2, and its business drops it. */
  function passedOver(): InputChecker {
    const checker = new InputChecker(new Rooms([], () => 0), true)
    checker.opened(0, 'm', 7)
    checker.input(ann, 'm', 'x')
    checker.inputAsked(0, 'm', 'x')
    checker.inputTaken(0, 'm', 0, 'x')
    checker.sealed(0, 'm', 7, frameOf(3))
    checker.undone(1, 'm', 7, 2)
    checker.revived(1, 'm', 7)
    checker.inputAsked(1, 'm', 'x')
    checker.inputDropped(1, 'm', 'x')
    return checker
  }

  it('lets an owner that was passed over tell what its own business let pass, in that frame and no other', () => {
    const checker = passedOver()
    checker.frame(ann, 'm', 7, frameOf(3))
    expect(() => checker.frame(ann, 'm', 7, frameOf(4))).toThrow('although the business dropped')
  })

  it('also where the business of the one that has gone on puts another input in its place in that frame', () => {
    const checker = passedOver()
    checker.inputReplaced(1, 'm', 'x', 'y')
    checker.inputTaken(1, 'm', 0, 'y')
    checker.sealed(1, 'm', 7, { ...frameOf(3), inputs: [{ slot: 0, seq: 1, data: textPayload('y') }] })
    checker.frame(ann, 'm', 8, frameOf(3))
    expect(() => checker.frame(ann, 'm', 9, frameOf(4))).toThrow('although the business dropped')
  })

  it('lets the one that has gone on frame it nowhere', () => {
    const checker = passedOver()
    checker.inputTaken(1, 'm', 0, 'x')
    expect(() => checker.sealed(1, 'm', 7, frameOf(3))).toThrow('although the business dropped it')
  })
})

describe('The checker of isolation', () => {
  const client = { id: 1, user: 'u', node: 0, prompt: true }
  const frame = (number: number, ...events: MeetingEvent[]) => ({ number, events, inputs: [] })
  const later = { term: 2, incarnation: 6 }

  /** Frame 1 was sealed at 0 by one node, and frame 2 at 0 by that and at 1,000 by another one, of a later fence. */
  function watched(held: typeof later): (now: number, number: number, ...events: MeetingEvent[]) => void {
    let now = 0
    const plan = { name: 'm', options: { spectatorDelayMs: 300 } } as unknown as MeetingPlan
    const rooms = new Rooms([plan], () => now)
    const checker = new IsolationChecker(rooms, () => now)
    for (const number of [1, 2]) rooms.sealed(0, 'm', 7, frame(number))
    now = 1_000
    rooms.sealed(1, 'm', 7, frame(2, { type: 'epoch', ...later }))
    rooms.sealed(2, 'm', 7, frame(3, { type: 'owner', incarnation: 8 }))
    const fence = { term: 1, incarnation: 5, heldTerm: held.term, heldIncarnation: held.incarnation }
    const joined = { type: 'joined', meeting: 'm', world: 7, log: 1, slot: SYSTEM_SLOT, ...fence }
    rooms.down(client, 1, joined as unknown as MessageOf<'joined'>)
    return (at, number, ...events) => {
      now = at
      rooms.frame(client, 'm', 7, frame(number, ...events))
      checker.frame(client, 'm', 7, frame(number))
    }
  }

  it('lets a spectator see at once what the node has sealed that it reads from, however late another one has', () => {
    const see = watched({ term: 1, incarnation: 5 })
    see(1_000, 1)
    see(1_000, 2)
  })

  it('measures the age of a frame by the reign that a spectator reads, also after a hand-over', () => {
    for (const held of [later, { term: 1, incarnation: 5 }]) {
      const see = watched(held)
      const epoch = { type: 'epoch', ...later } as const
      expect(() => see(1_299, 2, epoch)).toThrow(
        'a spectator saw frame 2 of m after 299 ms; the delay is 300',
      )
      expect(() => see(1_299, 3)).toThrow('a spectator saw frame 3')
      see(1_300, 2, epoch)
      see(1_300, 3)
    }
  })
})

describe('The checker of positions in topics', () => {
  const client = { id: 1, user: 'u', node: 0, prompt: true }
  const NODE = 5_000

  /** A client of a node, where a topic is forgotten a second after it was last read. */
  function reader(): (at: number, log: number, since: number, reason?: ErrorCode) => void {
    const checker = new PlaceChecker({ nodes: 3 } as unknown as Scenario, 1_000)
    checker.down(client, 1, { type: 'welcome', publisher: NODE } as unknown as MessageOf<'welcome'>, 0)
    let call = 0
    return (at, log, since, reason) => {
      const place = (of: number) => ({ epoch: of === 0 ? 0 : NODE + of, at: 0, numbers: [] })
      const wish = { topic: 'k', since: place(since), history: 0, maxHz: 0, keys: [], conflate: false }
      const topics = [{ ...wish, policy: policies.skip }]
      checker.up(client, 1, { type: 'subscribe', call: ++call, topics })
      const told = { call, index: 0, topic: 'k', log, keyed: false, position: place(log) }
      checker.down(client, 1, { type: 'subscribed', ...told, recovered: false, reason: reason ?? '' }, at)
    }
  }

  it('allows a log to be gone that nobody has read for long, though the topic has another one', () => {
    const subscribed = reader()
    subscribed(0, 2, 0)
    subscribed(1_000, 3, 0)
    subscribed(1_001, 3, 2, 'NEW_EPOCH')
  })

  it('does not allow it of one that was read of late', () => {
    const subscribed = reader()
    subscribed(0, 2, 0)
    expect(() => subscribed(999, 3, 2, 'NEW_EPOCH')).toThrow('was told after 999 ms that its log is gone')
  })
})

describe('The checker of policies', () => {
  const client = { id: 1, user: 'u', node: 0, prompt: true }
  const position = { epoch: 1, at: 5, numbers: [] }

  function subscribe(checker: PolicyChecker, call: number, conflate: boolean): void {
    const topic = { topic: 'k', since: position, history: 0, maxHz: 0, keys: [], conflate }
    checker.up(client, 1, { type: 'subscribe', call, topics: [{ ...topic, policy: policies.conflate }] })
  }

  const subscribed = (call: number): MessageOf<'subscribed'> => ({
    type: 'subscribed',
    call,
    index: 0,
    topic: 'k',
    log: 3,
    keyed: true,
    position,
    recovered: true,
    reason: '',
  })

  const gap: MessageOf<'gap'> = { type: 'gap', log: 3, from: 5, to: 6, position, reason: 'SLOW' }
  /** A gap on its way when the connection is closed, behind the answer to a second subscription that conflates or not. */
  const gapAfter = (conflates: boolean): (() => void) => {
    const checker = new PolicyChecker(
      { retention: { entries: 1, bytes: 1, ageMs: 1 } } as Scenario,
      1,
      () => 0,
    )
    subscribe(checker, 1, !conflates)
    checker.down(client, 1, subscribed(1))
    subscribe(checker, 2, conflates)
    checker.closed(client, 1)
    checker.down(client, 1, subscribed(2))
    return () => checker.down(client, 1, gap)
  }

  it('judges a gap that arrives after its connection was closed by the options of the latest subscription', () => {
    expect(gapAfter(false)).not.toThrow()
  })

  it('refuses a gap to a reader that conflates, also then', () => {
    expect(gapAfter(true)).toThrow('client 1 got a gap of k, whose policy is 1')
  })
})
