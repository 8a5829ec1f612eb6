import { describe, expect, it } from 'vitest'
import type { Limits } from '../../../src/core/ground/config.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import type { MissingMeeting } from '../../../src/core/index.ts'
import type { Joined } from '../../../src/core/session/elsewhere.ts'
import type { Session } from '../../../src/core/session/session.ts'
import { Joins } from '../../../src/core/up/joins.ts'
import { weighMessage } from '../../../src/core/session/upstream-queue.ts'
import { disconnect, joinOf, Parts } from './cluster/parts.ts'
import { grant } from './harness.ts'

const SELF = 1

/** Places JOINs on node 1; other nodes and the business answer when the test says so. */
class Desk extends Parts {
  /** Meetings that are open here. */
  readonly open: Set<string> = new Set()
  /** Meetings of other nodes that this one knows of without asking. */
  readonly known: Map<string, number> = new Map()
  readonly said: string[] = []
  readonly missing: MissingMeeting[] = []
  readonly finds: { readonly name: string; readonly found: (owner: number | null, now: number) => void }[] =
    []
  readonly elsewhere: ((answer: Joined, now: number) => void)[] = []
  /** JOINs that are to be placed anew, when their sessions have a turn. */
  readonly again: (() => void)[] = []
  /** Whether members may show what they have kept. */
  recalls = false
  /** What the cluster answers at once; undefined: nothing yet. */
  atOnce: number | null | undefined = undefined
  readonly joins: Joins

  constructor(limits: Partial<Limits> = {}, isAlone = false) {
    super(limits)
    const application = {
      openMissing: (missing: MissingMeeting) => void this.missing.push(missing),
      openMissingEnded: ({ name }: MissingMeeting) => void this.said.push(`${name} was late`),
    }
    const cluster = {
      self: SELF,
      ownerOf: (name: string) => this.known.get(name) ?? 0,
      find: (name: string, now: number, found: (owner: number | null, now: number) => void) => {
        this.finds.push({ name, found })
        if (this.atOnce !== undefined) found(this.atOnce, now)
      },
      join: (
        owner: number,
        { user }: Session,
        { meeting }: { meeting: string },
        _: number,
        joined: (answer: Joined, now: number) => void,
      ) => {
        this.said.push(`${user} to ${meeting} on ${owner}`)
        this.elsewhere.push(joined)
      },
      recalls: ({ meeting, held: [elected] }: { meeting: string; held: readonly object[] }) => {
        if (!this.recalls || elected === undefined) return false
        // From then on there is a replica without an owner.
        this.known.set(meeting, -1)
        return true
      },
      outruns: () => false,
      drop: ({ user }: Session) => void this.said.push(`${user} dropped`),
    }
    this.joins = new Joins(
      this.limits,
      this.timers,
      application as never,
      {
        join: (_, { meeting }) => (this.open.has(meeting) ? 'READ_ONLY' : 'NOT_FOUND'),
      },
      isAlone ? null : cluster,
      {
        // Every session has its turn at once.
        proceed: (_, then) => then(this.now),
        wake: ({ user }) => void this.said.push(`${user} goes on`),
        again: (session, message) => void this.again.push(() => this.joins.seat(session, message, this.now)),
        answer: ({ user }, { meeting }, joined, now) => {
          expect(now).toBe(this.now)
          const what =
            typeof joined === 'string'
              ? joined
              : 'code' in joined
                ? `${joined.code} ${joined.message} ${joined.retryAfterMs}`
                : 'joined'
          // What the meeting here says, for want of a real one.
          this.said.push(`${user} ${meeting}: ${what === 'READ_ONLY' ? 'here' : what}`)
        },
      },
    )
  }

  join(user: string | Session, meeting = 'm', spectator = false): Session {
    const session = typeof user === 'string' ? this.session(user) : user
    this.joins.seat(session, joinOf({ meeting, spectator }), this.now)
    return session
  }

  /** Of a member who was in the meeting on a node that has ended. */
  joinAgain(user: string | Session, meeting = 'm'): Session {
    const session = typeof user === 'string' ? this.session(user) : user
    this.joins.seat(session, joinOf({ meeting, held: [HELD] }), this.now)
    return session
  }

  heard(): string[] {
    return this.said.splice(0)
  }

  found(owner: number | null): string[] {
    this.finds.shift()?.found(owner, this.now)
    return this.heard()
  }

  opened(name: string | null): string[] {
    const missing = this.missing.shift() as MissingMeeting
    if (name !== null) this.open.add(name)
    this.joins.openings.answer(missing, true, this.now)
    return this.heard()
  }

  pass(ms: number): string[] {
    this.now += ms
    this.timers.run(this.now)
    return this.heard()
  }
}

const held = (...sessions: Session[]): number[] => sessions.map(({ payer }) => payer.held)
const WAITS = weighMessage(joinOf()) + weights.question
const HELD = {
  slot: 0,
  elected: 1,
  term: 1,
  incarnation: 9,
  seen: 0,
  stable: 0,
  promisedTerm: 0,
  promisedIncarnation: 0,
}
const WAITS_ASIDE = weighMessage(joinOf({ held: [HELD] })) + weights.question

describe('A JOIN', () => {
  it('to a meeting that is open here is answered by it', () => {
    const desk = new Desk()
    desk.open.add('m')
    desk.join('ann')
    expect([desk.heard(), desk.finds.length]).toEqual([['ann m: here'], 0])
  })

  it('to one that another node is known to have goes there, and is held until that has answered', () => {
    const desk = new Desk()
    desk.known.set('m', 2)
    const ann = desk.join('ann')
    expect([desk.heard(), ann.isHeld, held(ann), desk.finds.length]).toEqual([
      ['ann to m on 2'],
      true,
      [WAITS],
      0,
    ])
    desk.elsewhere[0]?.('FULL', desk.now)
    expect([desk.heard(), ann.isHeld, held(ann)]).toEqual([['ann m: FULL'], false, [0]])
    // An answer that comes again is nobody's.
    desk.elsewhere[0]?.('FULL', desk.now)
    expect(desk.heard()).toEqual([])
  })

  it('asks the cluster for any other, and is held meanwhile', () => {
    const desk = new Desk()
    const ann = desk.join('ann')
    expect([desk.heard(), desk.finds.map(({ name }) => name), ann.isHeld, held(ann)]).toEqual([
      [],
      ['m'],
      true,
      [WAITS],
    ])
    expect([desk.found(3), ann.isHeld]).toEqual([['ann to m on 3'], true])
  })

  it('that the cluster answers at once is not held', () => {
    const desk = new Desk()
    desk.atOnce = 0
    const ann = desk.join('ann')
    expect([desk.heard(), ann.isHeld, held(ann), desk.timers.size]).toEqual([
      ['ann m: NOT_FOUND'],
      false,
      [0],
      0,
    ])
  })

  it('finds none where no node has it, what has been opened here meanwhile excepted', () => {
    for (const owner of [0, SELF]) {
      const desk = new Desk()
      desk.join('ann')
      expect(desk.found(owner)).toEqual(['ann m: NOT_FOUND'])
      desk.join('bob')
      desk.open.add('m')
      expect(desk.found(owner)).toEqual(['bob m: here'])
    }
  })

  it('may be tried again where the cluster cannot say, or does not in time', () => {
    const desk = new Desk({ authorizeMs: 5_000 })
    const busy = 'BUSY the cluster has not said in time which node has m; try again 1000'
    desk.join('ann')
    expect(desk.found(null)).toEqual([`ann m: ${busy}`])
    const bob = desk.join('bob')
    expect([desk.pass(4_999), desk.pass(1)]).toEqual([[], [`bob m: ${busy}`]])
    expect([bob.isHeld, desk.found(2)]).toEqual([false, []])
  })

  it('whose ticket is another one by then is forbidden; one without a connection is nobody’s', () => {
    const desk = new Desk()
    const [ann, eve] = [desk.join('ann'), desk.join('eve', 'm', true)]
    ann.grant = grant('ann', { meetings: [] })
    eve.grant = grant('eve', { meetings: [{ name: 'm', role: 'spectator' }] })
    expect(desk.found(2)).toEqual(['ann m: FORBIDDEN', 'eve to m on 2'])
    const bob = desk.join('bob', 'n')
    disconnect(bob)
    expect(desk.found(2)).toEqual(['bob n: UNKNOWN'])
  })

  it('is asked about once, whoever waits for the same meeting', () => {
    const desk = new Desk()
    const sessions = ['ann', 'bob', 'ann'].map((user) => desk.join(user))
    expect(desk.finds).toHaveLength(1)
    desk.joins.drop(sessions[1] as Session)
    expect(held(...sessions)).toEqual([WAITS, 0, WAITS])
    expect(desk.found(2)).toEqual(['ann to m on 2', 'ann to m on 2'])
  })

  it('is one of so many questions at a time; the next one waits for its turn, and for all who want the same', () => {
    const desk = new Desk({ searches: 1, searchesPerUser: 1 })
    desk.join('ann', 'a')
    const waiting = [desk.join('bob', 'm'), desk.join('cid', 'm'), desk.join('bob', 'm')]
    expect(desk.finds.map(({ name }) => name)).toEqual(['a'])
    desk.joins.drop(waiting[0] as Session)
    expect(desk.found(0)).toEqual(['ann a: NOT_FOUND'])
    expect(desk.finds.map(({ name }) => name)).toEqual(['m'])
    expect(desk.found(2).sort()).toEqual(['bob to m on 2', 'cid to m on 2'])
    expect(desk.finds).toEqual([])
    desk.join('ann', 'm')
    expect(desk.finds.map(({ name }) => name)).toEqual(['m'])
  })

  it('that waits for its turn for too long is answered like any other', () => {
    const desk = new Desk({ searches: 1, searchesPerUser: 1, authorizeMs: 1_000 })
    desk.join('ann', 'a')
    desk.now += 10
    desk.join('bob', 'm')
    desk.pass(990)
    expect(desk.finds.map(({ name }) => name)).toEqual(['a', 'm'])
    expect(desk.pass(10)).toHaveLength(1)
    expect([desk.found(2), desk.found(2), desk.timers.size]).toEqual([[], [], 0])
  })

  it('is let go of with its session, here and where it has gone', () => {
    const desk = new Desk()
    const ann = desk.join('ann')
    desk.joins.drop(ann)
    expect([desk.found(2), held(ann)]).toEqual([[], [0]])
    desk.known.set('m', 2)
    const bob = desk.join('bob')
    desk.heard()
    desk.joins.drop(bob)
    desk.joins.drop(bob)
    expect([desk.heard(), held(bob), bob.isHeld]).toEqual([['bob dropped'], [0], false])
    desk.elsewhere[0]?.('FULL', desk.now)
    expect(desk.heard()).toEqual([])
  })

  it('by a name that is none is not looked for', () => {
    const desk = new Desk()
    desk.joins.openings.on = true
    desk.join('ann', '')
    expect([desk.heard(), desk.finds, desk.missing]).toEqual([['ann : NOT_FOUND'], [], []])
  })

  it('without a connection is not looked for', () => {
    const desk = new Desk()
    desk.joins.openings.on = true
    const ann = desk.session('ann')
    disconnect(ann)
    desk.join(ann)
    expect([desk.heard(), desk.finds, desk.missing]).toEqual([['ann m: NOT_FOUND'], [], []])
  })

  it('finds nothing at once on a node alone', () => {
    const desk = new Desk({}, true)
    const ann = desk.join('ann')
    expect(desk.heard()).toEqual(['ann m: NOT_FOUND'])
    desk.joins.drop(ann)
  })
})

describe('A meeting that the business may open', () => {
  function asking(limits: Partial<Limits> = {}, isAlone = true): Desk {
    const desk = new Desk(limits, isAlone)
    desk.joins.openings.on = true
    return desk
  }

  it('is asked for, and joined once it is open', () => {
    const desk = asking()
    const ann = desk.join('ann')
    expect([desk.heard(), desk.missing.map(({ name, user }) => `${user} ${name}`), ann.isHeld]).toEqual([
      [],
      ['ann m'],
      true,
    ])
    expect([desk.opened('m'), ann.isHeld, held(ann)]).toEqual([['ann m: here'], false, [0]])
  })

  it('is asked for once for each JOIN', () => {
    const desk = asking()
    const ann = desk.join('ann')
    expect([desk.opened(null), desk.missing]).toEqual([['ann m: NOT_FOUND'], []])
    desk.join(ann)
    expect(desk.missing).toHaveLength(1)
  })

  it('may be opened on another node by the business', () => {
    const desk = asking({}, false)
    desk.join('ann')
    desk.found(0)
    expect(desk.opened(null)).toEqual([])
    expect(desk.found(2)).toEqual(['ann to m on 2'])
    const bob = desk.join('bob', 'n')
    desk.found(0)
    desk.opened(null)
    expect([desk.found(0), desk.missing, bob.isHeld]).toEqual([['bob n: NOT_FOUND'], [], false])
  })

  it('is forbidden where the ticket is another one by then', () => {
    const desk = asking()
    const ann = desk.join('ann')
    ann.grant = grant('ann', { meetings: [] })
    expect(desk.opened('m')).toEqual(['ann m: FORBIDDEN'])
  })

  it('is late where the business does not answer in time', () => {
    const desk = asking({ authorizeMs: 1_000 })
    desk.join('ann')
    expect([desk.pass(999), desk.pass(1)]).toEqual([[], ['m was late', 'ann m: NOT_FOUND']])
  })

  it('is one too many for a user who has so many open', () => {
    const desk = asking({ meetingsPerUser: 2 })
    const ann = desk.session('ann')
    ann.account.meetings = 2
    desk.join(ann)
    expect([desk.heard(), desk.missing]).toEqual([
      ['ann m: LIMIT more than 2 meetings opened for one user 0'],
      [],
    ])
    ann.account.meetings = 1
    desk.join(ann)
    expect(desk.missing).toHaveLength(1)
  })

  it('is the account’s of whoever has asked, also when the answer is late', () => {
    const desk = asking({ authorizeMs: 1_000 })
    const ann = desk.join('ann')
    desk.join('bob')
    const [missing] = desk.missing
    expect([
      desk.joins.openings.askedBy('m') === ann.account,
      desk.joins.openings.askedBy('n'),
      desk.joins.openings.askedBy('n', missing) === ann.account,
    ]).toEqual([true, null, true])
    desk.pass(1_000)
    expect([
      desk.joins.openings.askedBy('m'),
      desk.joins.openings.askedBy('m', missing) === ann.account,
    ]).toEqual([null, true])
  })

  it('is not asked for again when its session has ended while it was asked', () => {
    const desk = asking()
    const ann = desk.join('ann')
    desk.joins.drop(ann)
    expect([desk.opened('m'), held(ann)]).toEqual([[], [0]])
  })
})

describe('A JOIN of a member who may have to wait for others', () => {
  const desk = (limits: Partial<Limits> = {}): Desk => {
    const made = new Desk(limits)
    for (const name of ['m', 'n', 'o']) made.known.set(name, 2)
    return made
  }

  it('lets its session go on, and is paid for until it is answered', () => {
    const d = desk()
    const ann = d.joinAgain('ann')
    expect([d.heard(), ann.isHeld, held(ann)]).toEqual([
      ['ann to m on 2', 'ann goes on'],
      false,
      [WAITS_ASIDE],
    ])
    d.joinAgain(ann, 'n')
    expect([d.heard(), held(ann)]).toEqual([['ann to n on 2', 'ann goes on'], [2 * WAITS_ASIDE]])
    d.elsewhere[1]?.('FULL', d.now)
    d.elsewhere[0]?.('FULL', d.now)
    d.elsewhere[0]?.('FULL', d.now)
    expect([d.heard(), ann.isHeld, held(ann)]).toEqual([['ann n: FULL', 'ann m: FULL'], false, [0]])
  })

  it('holds it where it would be in too many meetings', () => {
    const d = desk({ meetingsPerSession: 2 })
    const ann = d.joinAgain('ann')
    d.joinAgain(ann, 'n')
    expect([ann.isHeld, held(ann)]).toEqual([false, [2 * WAITS_ASIDE]])
    d.joinAgain(ann, 'o')
    expect(ann.isHeld).toBe(true)
    d.elsewhere[2]?.('LIMIT', d.now)
    expect([ann.isHeld, held(ann)]).toEqual([false, [2 * WAITS_ASIDE]])
  })

  it('is looked for once more in its turn where a node does not have the meeting, and then nobody has it', () => {
    const d = desk()
    const ann = d.joinAgain('ann')
    d.elsewhere[0]?.('NOT_FOUND', d.now)
    expect([d.again.length, held(ann)]).toEqual([1, [0]])
    d.again.shift()?.()
    expect(d.heard()).toEqual(['ann to m on 2', 'ann goes on', 'ann to m on 2', 'ann goes on'])
    d.elsewhere[1]?.('NOT_FOUND', d.now)
    d.again.shift()?.()
    expect([d.heard(), d.again.length, held(ann)]).toEqual([['ann m: NOT_FOUND'], 0, [0]])
  })

  it('is waited for by a later one to the same meeting, which takes its place where it finds nothing', () => {
    for (const [answer, told] of [
      ['FULL', 'FULL'],
      ['NOT_FOUND', 'UNKNOWN'],
    ] as const) {
      const d = desk()
      const ann = d.joinAgain('ann')
      d.joinAgain(ann)
      expect([d.heard(), ann.isHeld, held(ann)]).toEqual([
        ['ann to m on 2', 'ann goes on'],
        true,
        [2 * WAITS_ASIDE],
      ])
      d.elsewhere[0]?.(answer, d.now)
      expect(d.heard()).toEqual([`ann m: ${told}`, 'ann to m on 2', 'ann goes on'])
      expect([d.again, ann.isHeld, held(ann)]).toEqual([[], false, [WAITS_ASIDE]])
    }
  })

  it('goes before others who have asked for the same meeting, so that nobody opens it anew meanwhile', () => {
    const d = new Desk()
    d.joins.openings.on = true
    d.recalls = true
    d.join('eve')
    d.joinAgain('ann')
    d.joinAgain('bob')
    expect(d.finds).toHaveLength(1)
    expect(d.found(0)).toEqual([
      'ann to m on 0',
      'ann goes on',
      'bob to m on -1',
      'bob goes on',
      'eve to m on -1',
    ])
    expect(d.missing).toEqual([])
  })

  it('is let go of with its session, and so is one that waits for it', () => {
    const d = desk()
    const ann = d.joinAgain('ann')
    d.joinAgain(ann, 'n')
    d.joinAgain(ann)
    d.heard()
    d.joins.drop(ann)
    expect([d.heard(), ann.isHeld, held(ann)]).toEqual([['ann dropped'], false, [0]])
    for (const answer of d.elsewhere) answer('FULL', d.now)
    expect([d.heard(), held(ann)]).toEqual([[], [0]])
  })
})
