import { describe, expect, it } from 'vitest'
import { Revival } from '../../../../src/core/cluster/revival.ts'
import { encodeFrames } from '../../../../src/core/cluster/datagrams.ts'
import type { AnswerOf } from '../../../../src/core/cluster/question-kinds.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'
import { defaultMeeting } from '../../../../src/core/meeting/options.ts'
import type { MeetingEvent } from '../../../../src/protocol/index.ts'
import { EDGE, FENCE, HAS, HAS_NOT, Heir, heldBy, NUMBER, OWNER, promiseOf, SELF } from './heir.ts'
import { frameOf } from './parts.ts'

/** A node of a higher number than this one. */
const LATER = 12

/** Cid has come as well, so that three have a say: ann, bob, who is away, and cid. */
const cid: MeetingEvent = { type: 'join', slot: 3, user: 'cid' }

type Had = NonNullable<AnswerOf<'frames'>>

/** What another node has that has the same frames as this one. */
function has(parts: Partial<Had> = {}): Had {
  const nothing = { packet: new Uint8Array(), owns: false, stands: false }
  return { term: 2, incarnation: OWNER, next: 4, ...nothing, ...parts }
}

/** The revival of meetings on a node, alone. */
class Desk extends Heir {
  readonly revival: Revival

  constructor(peers: readonly number[] = [HAS], limits: Partial<Limits> = {}) {
    super(peers, limits)
    this.revival = new Revival(this.host)
    this.tells = {
      ended: (replica) => this.revival.ended(replica),
      orphaned: (...orphaned) => this.revival.orphaned(...orphaned),
    }
    this.copy({}, cid)
  }

  /** The owner has ended. */
  orphan(): this {
    this.replica.lost(this.now)
    return this
  }

  /** The owner is silent. */
  suspect(): this {
    this.revival.suspect(this.replica, this.now)
    return this
  }

  /** Time passes, timer by timer. */
  pass(ms: number): void {
    const end = this.now + ms
    for (let { next } = this.timers; next <= end; { next } = this.timers) {
      this.now = Math.max(this.now, next)
      this.timers.run(this.now)
    }
    this.now = end
  }

  /** It is named to go on, and stands; nothing was said since. */
  stand(): this {
    this.pass(1)
    this.says(SELF)
    this.heard()
    return this
  }

  promise(user: string, slot: number, parts: Parameters<typeof promiseOf>[3] = {}): void {
    this.revival.promised(promiseOf(user, slot, FENCE, parts), this.now)
    this.pass(0)
  }

  /** How it goes on: in the same world, or a new one; undefined: it does not, or not yet. */
  get world(): 'same' | 'new' | undefined {
    const world = this.owner?.room.facts.world
    return world === undefined ? undefined : world === 77 ? 'same' : 'new'
  }

  /** Another node wants to follow the meeting. */
  follow(node: number): boolean {
    const about = { meeting: 'm', world: 77, next: 4, readers: 1, spectators: 0 }
    return this.revival.await(node, { type: 'follow', replica: node + 10, ...about }, this.now)
  }
}

const named = (node: number): string => `${node}: follow replica:30 meeting:m world:77 next:4`

describe('A node with a copy of a meeting whose owner has ended', () => {
  it('holds its name, and asks at once who is to go on with it, once', () => {
    const desk = new Desk()
    expect(desk.revival.holds('m')).toBe(false)
    desk.orphan()
    expect([desk.heard(), desk.revival.holds('m'), desk.timers.next]).toEqual([['m is held'], true, 1_001])
    desk.pass(1)
    expect(desk.looks).toHaveLength(1)
    desk.pass(500)
    expect(desk.looks).toHaveLength(1)
  })

  it.each<[string, (desk: Desk) => void]>([
    ['is an edge', (desk) => (desk.self = LEAST_EDGE + 9)],
    ['drains', (desk) => (desk.isDraining = true)],
    ['has as many meetings as it may have', (desk) => Object.assign(desk.limits, { meetings: 0 })],
    ['is about to open it anew', (desk) => (desk.isClaiming = true)],
    ['holds its name for another reason', (desk) => (desk.isHeld = true)],
  ])('does not where it %s, and yet finds whoever goes on', (_, set) => {
    const desk = new Desk()
    set(desk)
    desk.orphan()
    expect([desk.heard(), desk.revival.holds('m'), desk.follow(HAS)]).toEqual([[], false, false])
    desk.pass(1)
    desk.says(HAS)
    expect([desk.heard(), desk.replica.owner]).toEqual([[named(HAS)], HAS])
  })

  it('asks again a moment later while the registrar has heard of nobody', () => {
    const desk = new Desk().orphan()
    desk.pass(1)
    desk.says(0)
    desk.pass(49)
    expect(desk.looks).toHaveLength(0)
    desk.pass(1)
    expect(desk.looks).toHaveLength(1)
    desk.says(4_711)
    // One that is not there has nothing.
    desk.pass(50)
    expect([desk.looks.length, desk.replica.owner]).toEqual([1, 0])
  })

  it('holds the name as soon as it may', () => {
    const desk = new Desk()
    desk.isDraining = true
    desk.orphan()
    desk.pass(1)
    desk.isDraining = false
    desk.says(0)
    expect(desk.heard()).toEqual([])
    desk.pass(50)
    expect([desk.heard(), desk.revival.holds('m')]).toEqual([['m is held'], true])
  })

  it('follows the one that is named, and sends there who waits here: that one itself finds nothing here', () => {
    const desk = new Desk([HAS, HAS_NOT]).orphan()
    expect([desk.follow(HAS), desk.follow(HAS_NOT)]).toEqual([true, true])
    desk.pass(1)
    desk.heard()
    desk.says(HAS)
    expect(desk.heard()).toEqual([
      'm is let go of',
      '6: 16 waits no more',
      '6: absent replica:16',
      '7: 17 waits no more',
      '7: moved 17 to 6',
      named(HAS),
    ])
    expect(desk.revival.holds('m')).toBe(false)
    desk.pass(60_000)
    expect(desk.looks).toEqual([])
  })

  it('tells those who wait here, where it is to be found no more, that nobody goes on from here', () => {
    const desk = new Desk().orphan().stand()
    desk.follow(HAS)
    desk.heard()
    desk.replica.giveUp(desk.now)
    expect(desk.heard()).toContain('6: absent replica:16')
  })

  it('gives up after ten seconds, or where it has the meeting for another reason', () => {
    const desk = new Desk().orphan()
    desk.pass(1)
    desk.says(0)
    desk.pass(9_990)
    expect(desk.replica.isOrphan).toBe(true)
    for (const look of desk.looks.splice(0)) look({ by: 'late' }, desk.now)
    desk.pass(60)
    expect([desk.replica.isOrphan, desk.revival.holds('m'), desk.timers.size]).toEqual([false, false, 0])
    const other = new Desk().orphan()
    other.meetings.open('m', {}, other.adopted as never, other.now, null)
    other.pass(1)
    expect([other.replica.isOrphan, other.looks.length]).toEqual([false, 0])
  })

  it('asks about each as soon as its owner has ended, whatever it waits for with others', () => {
    const desk = new Desk().orphan()
    // Another one does not put it off.
    desk.now += 0.75
    desk.name = 'n'
    desk.copy()
    desk.orphan()
    desk.pass(0.25)
    expect(desk.looks).toHaveLength(2)
    for (let n = 0; n < 2; n++) desk.says(0)
    desk.pass(10)
    desk.name = 'o'
    desk.copy()
    desk.orphan().pass(1)
    expect(desk.looks).toHaveLength(1)
  })

  it('goes on with a few at a time where the business takes long over it', () => {
    const desk = new Desk([HAS])
    for (let n = 0; n < 5; n++) {
      desk.name = `m${n}`
      desk.copy()
      desk.orphan()
    }
    const looks: number[] = []
    const { looks: asked } = desk
    const push = asked.push.bind(asked)
    asked.push = (...look) => {
      desk.hookTime += 3e6
      return push(...look)
    }
    for (let ms = 1; ms <= 4; ms++) {
      desk.pass(1)
      looks.push(desk.looks.splice(0).length)
    }
    expect(looks).toEqual([2, 2, 1, 0])
  })

  it('looks at a few of very many at a time', () => {
    const desk = new Desk([HAS], { revivalsAtOnce: 2 })
    for (let n = 0; n < 5; n++) {
      desk.name = `m${n}`
      desk.copy()
      desk.orphan()
    }
    const looks: number[] = []
    for (let ms = 1; ms <= 4; ms++) {
      desk.pass(1)
      looks.push(desk.looks.splice(0).length)
    }
    expect(looks).toEqual([2, 2, 1, 0])
  })
})

describe('A node that is to go on with a meeting', () => {
  it('asks the others that are heard for frames that it has not, and those who wait for a promise', () => {
    const desk = new Desk([HAS, HAS_NOT, EDGE])
    desk.silent.add(HAS_NOT)
    desk.orphan()
    desk.follow(HAS_NOT)
    desk.join('ann', { world: 77, next: 4, held: heldBy(0) })
    desk.pass(1)
    desk.heard()
    desk.says(SELF)
    expect(desk.asked.map(({ node, kind }) => `${node} ${kind}`)).toEqual([`${HAS} frames`, `${EDGE} frames`])
    const [asked] = desk.asked
    expect([asked?.question, asked?.deadline]).toEqual([
      { name: 'm', world: 77, from: 4, term: 2, incarnation: OWNER },
      desk.now + 500,
    ])
    expect(desk.heard()).toEqual([
      '7: standing replica:17 world:77 term:3 incarnation:9 next:4 lastTerm:2 lastIncarnation:5',
    ])
    expect(desk.told).toEqual(['stand call:1 term:3 incarnation:9'])
    // Who comes later is asked as well.
    desk.follow(EDGE)
    expect(desk.heard()).toHaveLength(1)
  })

  it('needs no word of a registrar that is silent', () => {
    for (const isSilent of [true, false]) {
      const desk = new Desk([1, 2, 3, 4, HAS, HAS_NOT])
      const registrar = desk.nodes.registrarOf('m')
      expect(registrar).not.toBe(SELF)
      if (isSilent) desk.silent.add(registrar)
      desk.orphan().pass(1)
      for (const look of desk.looks.splice(0)) look({ by: 'late' }, desk.now)
      expect(desk.asked.length > 0).toBe(isSilent)
    }
  })

  it('gives way to one that owns the meeting', () => {
    const desk = new Desk().orphan().stand()
    desk.answer(HAS, has({ owns: true }))
    expect([desk.heard(), desk.replica.owner]).toEqual([['m is let go of', named(HAS)], HAS])
  })

  it('hears nothing any more of nodes that answer when it has given way, or has gone on', () => {
    const desk = new Desk([HAS, HAS_NOT]).orphan().stand()
    desk.answer(HAS, has({ owns: true }))
    desk.heard()
    desk.answer(HAS_NOT, has({ owns: true }))
    expect([desk.heard(), desk.replica.owner]).toEqual([[], HAS])
    const late = new Desk().orphan().stand()
    late.pass(3_100)
    expect(late.world).toBe('new')
    late.heard()
    late.answer(HAS, has({ owns: true }))
    expect([late.heard(), late.world]).toEqual([[], 'new'])
  })

  it('goes on with nothing once it is about to say goodbye, though all that it waits for ends with that', () => {
    const desk = new Desk([1, 2, 3, 4, HAS, HAS_NOT])
    desk.silent.add(desk.nodes.registrarOf('m'))
    const stands = (): void => {
      desk.orphan().pass(1)
      for (const look of desk.looks.splice(0)) look({ by: 'late' }, desk.now)
    }
    stands()
    for (const [user, slot] of [
      ['ann', 0],
      ['cid', 3],
    ] as const)
      desk.promise(user, slot)
    expect([desk.world, desk.asked.length > 0]).toEqual([undefined, true])
    desk.revival.close()
    for (const node of desk.asked.map((asked) => asked.node)) desk.answer(node, 'broken')
    desk.pass(80_000)
    expect([desk.world, desk.revival.holds('m'), desk.revival.standing]).toEqual([undefined, false, 0])
  })

  it('leaves it to one that has followed it further, and asks for it again later', () => {
    const desk = new Desk().orphan().stand()
    desk.answer(HAS, has({ term: 2, incarnation: OWNER + 1 }))
    expect([desk.heard(), desk.revival.holds('m')]).toEqual([['m is let go of'], false])
    desk.pass(499)
    expect(desk.looks).toEqual([])
    desk.pass(51)
    expect(desk.looks).toHaveLength(1)
  })

  it('gives way, of two that stand, to the one with the later log, or else the lower number', () => {
    const givesWay = (node: number, parts: Partial<Had>): boolean => {
      const desk = new Desk([node]).orphan().stand()
      desk.answer(node, has({ stands: true, ...parts }))
      return desk.replica.owner === node
    }
    expect([givesWay(HAS, {}), givesWay(LATER, {})]).toEqual([true, false])
    expect(givesWay(HAS, { term: 1 })).toBe(false)
    expect(givesWay(HAS, { stands: false })).toBe(false)
  })

  it('takes frames that another node has, page by page, and none of another reign', () => {
    const desk = new Desk().orphan().stand()
    const rest = new Desk()
    const frames = [frameOf([], [[0, 5]]), frameOf([], [[0, 6]])]
    rest.replica.frames({ type: 'frames', replica: NUMBER, first: 4, frames, marks: [2, 2] }, rest.now)
    const { log } = rest.replica.copy.room as NonNullable<typeof rest.replica.copy.room>
    const page = encodeFrames(0, log, 4, 1).bytes
    desk.answer(HAS, has({ next: 6, term: 1, packet: page }))
    expect(desk.replica.log.next).toBe(4)
    const more = new Desk().orphan().stand()
    more.answer(HAS, has({ next: 6, packet: page }))
    const [again] = more.asked
    expect([more.replica.log.next, again?.question.from]).toEqual([5, 5])
    more.answer(HAS, has({ next: 6, packet: encodeFrames(0, log, 5, 1_000).bytes }))
    expect([more.replica.log.next, more.asked]).toEqual([6, []])
    // What is no frame is none, and is not asked for again.
    const odd = new Desk().orphan().stand()
    odd.answer(HAS, has({ next: 6, packet: Uint8Array.of(1, 2, 3) }))
    expect([odd.replica.log.next, odd.asked]).toEqual([4, []])
  })

  it('stands above whoever has promised more, and asks those who wait anew', () => {
    const desk = new Desk().orphan()
    desk.follow(HAS)
    desk.stand()
    desk.revival.promised(promiseOf('ann', 0, { term: 7, incarnation: 1 }), desk.now)
    expect(desk.heard()).toEqual([
      '6: standing replica:16 world:77 term:8 incarnation:9 next:4 lastTerm:2 lastIncarnation:5',
    ])
    desk.revival.promised(promiseOf('ann', 0, { term: 9, incarnation: 1 }), desk.now)
    expect([desk.heard(), desk.asked.length]).toEqual([[], 1])
  })

  it('has nothing to do with promises about other meetings, or before it stands', () => {
    const desk = new Desk().orphan()
    desk.promise('ann', 0)
    desk.promise('cid', 3)
    desk.stand().answer(HAS, null)
    desk.promise('ann', 0, { meeting: 'n' })
    desk.promise('cid', 3)
    desk.pass(500)
    expect(desk.world).toBeUndefined()
  })
})

describe('A node that is asked for frames by one that stands', () => {
  const asked = { name: 'm', world: 77, from: 2, term: 2, incarnation: OWNER }

  it('tells those that it has of that world, as a copy or as the owner, and supports that node meanwhile', () => {
    const desk = new Desk()
    const { log } = desk.replica.copy.room as NonNullable<typeof desk.replica.copy.room>
    expect(desk.support.isFree(HAS, desk.now)).toBe(true)
    const packet = encodeFrames(0, log, 2, desk.limits.pageBytes).bytes
    expect(desk.revival.framesFor(asked, HAS, desk.now)).toEqual(has({ packet }))
    expect(desk.support.isFree(HAS, desk.now)).toBe(false)
    expect(desk.denied).toEqual([`m to ${HAS}`])
    expect(desk.revival.framesFor({ ...asked, world: 78 }, HAS, desk.now)).toBeNull()
    expect(desk.revival.framesFor({ ...asked, name: 'n' }, HAS, desk.now)).toBeNull()
    desk.meetings.open('n', {}, desk.adopted as never, desk.now, null)
    expect(desk.revival.framesFor({ ...asked, name: 'n' }, HAS, desk.now)).toMatchObject({
      owns: true,
      next: 1,
    })
    expect(desk.denied.slice(1)).toEqual([`m to ${HAS}`, `n to ${HAS}`])
  })

  it('gives way to it where it comes first, and says otherwise that it stands itself', () => {
    const desk = new Desk([HAS, LATER]).orphan()
    expect(desk.revival.framesFor(asked, HAS, desk.now)).toMatchObject({ stands: false })
    expect([desk.revival.holds('m'), desk.revival.stands('m')]).toEqual([true, false])
    desk.stand()
    expect([desk.revival.stands('m'), desk.revival.stands('n')]).toEqual([true, false])
    expect(desk.revival.framesFor(asked, LATER, desk.now)).toMatchObject({ stands: true })
    expect(desk.revival.holds('m')).toBe(true)
    expect(desk.revival.framesFor(asked, HAS, desk.now)).toMatchObject({ stands: true })
    expect([desk.revival.holds('m'), desk.replica.owner]).toEqual([false, HAS])
  })
})

describe('A meeting goes on', () => {
  /** It stands, and the other nodes have said that they have nothing. */
  function standing(limits: Partial<Limits> = {}): Desk {
    const desk = new Desk([HAS], limits).orphan().stand()
    desk.answer(HAS, null)
    return desk
  }

  it('at once when all have promised who are present', () => {
    const desk = standing()
    desk.promise('ann', 0)
    expect(desk.world).toBeUndefined()
    desk.promise('cid', 3)
    expect([desk.world, desk.revival.holds('m')]).toEqual(['same', false])
    // Nothing is left to look for.
    desk.pass(60)
    expect(desk.waits).not.toHaveProperty('revival')
  })

  it('at once when enough have promised, though others are missing', () => {
    const desk = standing()
    desk.promise('ann', 0)
    expect(desk.world).toBeUndefined()
    desk.promise('bob', 1)
    expect(desk.world).toBe('same')
  })

  it('only when the other nodes have said what they have, or have not in time', () => {
    const desk = new Desk().orphan().stand()
    for (const [user, slot] of [
      ['ann', 0],
      ['cid', 3],
    ] as const)
      desk.promise(user, slot)
    desk.pass(400)
    expect(desk.world).toBeUndefined()
    desk.answer(HAS, 'deadline')
    desk.pass(50)
    expect(desk.world).toBe('same')
  })

  it('as another one three seconds after the last has come, where those who have promised are too few', () => {
    const desk = standing()
    desk.pass(2_000)
    desk.promise('ann', 0)
    desk.pass(2_940)
    expect(desk.world).toBeUndefined()
    desk.pass(110)
    expect(desk.world).toBe('new')
  })

  it('in the same world where all have come, and one so late that there is just time to ask for a higher fence', () => {
    const desk = standing()
    desk.promise('ann', 0)
    desk.pass(2_990)
    desk.promise('cid', 3, { promisedTerm: FENCE.term + 4, promisedIncarnation: 1 })
    // What they are asked is on its way.
    desk.pass(100)
    expect(desk.world).toBeUndefined()
    desk.promise('ann', 0, { promisedTerm: FENCE.term + 5 })
    desk.promise('cid', 3, { promisedTerm: FENCE.term + 5 })
    expect(desk.world).toBe('same')
  })

  it('as another one ten seconds after that at the latest, though members come one after the other', () => {
    const desk = standing({ revivalMs: 9_000 })
    desk.pass(8_000)
    desk.promise('ann', 0)
    desk.pass(1_999)
    expect(desk.world).toBeUndefined()
    desk.pass(1)
    expect(desk.world).toBe('new')
  })

  it('as another one where a node has not said in all that time what it has', () => {
    const desk = new Desk().orphan().stand()
    desk.pass(2_999)
    expect(desk.world).toBeUndefined()
    desk.pass(1)
    expect(desk.world).toBe('new')
  })

  it('with those nodes as holders of its frames that have said that they have some', () => {
    const desk = new Desk([HAS, HAS_NOT]).orphan().stand()
    desk.answer(HAS, has())
    desk.answer(HAS_NOT, null)
    desk.promise('ann', 0)
    desk.promise('cid', 3)
    expect([...desk.owner.backing.holders.keys()]).toEqual([HAS])
  })

  it('not before the registrar has said again who goes on, where the nodes are others since', () => {
    const desk = standing()
    desk.promise('ann', 0)
    desk.view = 2
    desk.promise('cid', 3)
    expect([desk.world, desk.looks.length]).toEqual([undefined, 1])
    desk.pass(200)
    expect([desk.world, desk.looks.length]).toEqual([undefined, 1])
    // That it has not said so in time is no answer: it is asked again.
    for (const look of desk.looks.splice(0)) look({ by: 'late' }, desk.now)
    desk.pass(50)
    expect([desk.world, desk.looks.length]).toEqual([undefined, 1])
    desk.says(SELF)
    expect(desk.world).toBe('same')
  })

  it('at a fence above all that its registrar knows then, for which all are asked anew, and have time to come', () => {
    const desk = standing()
    desk.follow(HAS)
    desk.heard()
    desk.pass(2_900)
    desk.promise('ann', 0)
    desk.view = 2
    desk.pass(2_900)
    desk.promise('cid', 3)
    // The name was opened meanwhile by a node that has closed it.
    desk.says(SELF, FENCE.term)
    expect(desk.world).toBeUndefined()
    expect(desk.heard()).toEqual([
      '6: standing replica:16 world:77 term:4 incarnation:9 next:4 lastTerm:2 lastIncarnation:5',
    ])
    desk.pass(2_900)
    for (const [user, slot] of [
      ['ann', 0],
      ['cid', 3],
    ] as const)
      desk.promise(user, slot)
    // They have promised the fence of before.
    expect(desk.world).toBeUndefined()
    for (const [user, slot] of [
      ['ann', 0],
      ['cid', 3],
    ] as const)
      desk.promise(user, slot, { promisedTerm: 4 })
    expect([desk.world, desk.owner.room.facts.term]).toEqual(['same', 4])
  })

  it('elsewhere where another node was named meanwhile, by nodes that are others now or are heard again', () => {
    for (const change of [(desk: Desk) => (desk.view = 2), (desk: Desk) => desk.revival.heard(HAS)]) {
      const desk = standing()
      change(desk)
      desk.promise('ann', 0)
      desk.promise('cid', 3)
      desk.says(HAS)
      expect([desk.world, desk.replica.owner]).toEqual([undefined, HAS])
    }
  })

  it('nowhere where its business cannot do without the state that has ended: those who wait look for it anew', () => {
    const desk = new Desk()
    desk.copy({ kind: 'k', options: { ...defaultMeeting, frameRate: 0 } }, cid)
    desk.adopted = { kind: 'k', metadata: {}, logic: {} }
    desk.orphan().stand()
    desk.answer(HAS, null)
    desk.join('eve')
    desk.promise('ann', 0)
    desk.promise('cid', 3)
    expect([desk.world, desk.answers, desk.replica.isOrphan]).toEqual([undefined, ['eve: NOT_FOUND'], false])
    expect(desk.revival.holds('m')).toBe(false)
  })

  it('a few at a time, of many whose members promise together', () => {
    const desk = new Desk([HAS], { revivalsAtOnce: 1 })
    desk.orphan()
    desk.name = 'n'
    desk.copy({}, cid)
    desk.orphan()
    desk.pass(1)
    desk.says(SELF)
    desk.pass(1)
    desk.says(SELF)
    for (let n = 0; n < 2; n++) desk.answer(HAS, null)
    for (const meeting of ['m', 'n'])
      for (const [user, slot] of [
        ['ann', 0],
        ['cid', 3],
      ] as const)
        desk.revival.promised(promiseOf(user, slot, FENCE, { meeting }), desk.now)
    const open: number[] = []
    for (let ms = 0; ms < 2; ms++) {
      desk.timers.run(desk.now + ms)
      open.push(desk.meetings.size)
    }
    expect(open).toEqual([1, 2])
  })
})

describe('A meeting whose owner has ended, and had gone on with it past another one', () => {
  const reigns = [
    { term: 1, incarnation: HAS_NOT, from: 1 },
    { term: 2, incarnation: OWNER, from: 2 },
  ]

  /** This node stands for it, and another one is silent. */
  function passedOver(): Desk {
    const desk = new Desk([HAS, HAS_NOT])
    desk.facts = { reigns }
    desk.copy({}, cid)
    desk.silent.add(HAS_NOT)
    return desk.orphan().stand()
  }

  it('keeps whoever may be that one from the support of this node, until it has denied that', () => {
    const desk = passedOver()
    const against = (): boolean[] => [HAS, HAS_NOT].map((node) => desk.revival.isAgainst(node))
    expect(against()).toEqual([true, true])
    desk.answer(HAS, null)
    expect(against()).toEqual([false, true])
    const other = new Desk([HAS, HAS_NOT]).orphan().stand()
    expect(other.revival.isAgainst(HAS_NOT)).toBe(false)
  })

  it('is asked for of that one as soon as it is heard, and left to it to say that it owns it', () => {
    const desk = passedOver()
    desk.answer(HAS, null)
    desk.pass(200)
    expect(desk.asked).toHaveLength(0)
    desk.silent.delete(HAS_NOT)
    desk.revival.heard(HAS)
    desk.pass(200)
    expect(desk.asked).toHaveLength(0)
    desk.revival.heard(HAS_NOT)
    desk.pass(100)
    expect(desk.asked.map(({ node }) => node)).toEqual([HAS_NOT])
    desk.answer(HAS_NOT, has({ owns: true }))
    expect(desk.replica.owner).toBe(HAS_NOT)
  })

  it('goes on at once where nobody else is left, and else when that one can rely on no answer of this node', () => {
    const desk = passedOver()
    desk.support.gave(HAS_NOT, desk.now)
    desk.answer(HAS, null)
    desk.promise('ann', 0)
    desk.promise('cid', 3)
    desk.pass(3_200)
    expect(desk.world).toBe(undefined)
    desk.pass(200)
    expect(desk.world).toBe('same')
    const alone = passedOver()
    alone.support.gave(HAS_NOT, alone.now)
    alone.answer(HAS, null)
    alone.nodes.end(HAS_NOT)
    alone.promise('ann', 0)
    alone.promise('cid', 3)
    alone.pass(100)
    expect(alone.world).toBe('same')
  })
})

describe('A meeting whose owner has ended, and was about to hand it over, with the consent of this node', () => {
  /** The frames are there, and one other node is silent. */
  function consented(hop: number): Desk {
    const desk = new Desk([HAS, HAS_NOT])
    const { copy } = desk.replica
    copy.consentedHop = (copy.room?.facts.hop ?? 0) + hop
    desk.silent.add(HAS_NOT)
    desk.support.gave(HAS_NOT, desk.now)
    desk.orphan().stand()
    desk.answer(HAS, null)
    desk.promise('ann', 0)
    desk.promise('cid', 3)
    return desk
  }

  it('goes on only when whoever may have taken it over can rely on no answer of this node', () => {
    const desk = consented(0)
    expect(desk.revival.isAgainst(HAS_NOT)).toBe(true)
    desk.pass(3_200)
    expect(desk.world).toBe(undefined)
    desk.pass(200)
    expect(desk.world).toBe('same')
  })

  it('goes on at once where that one was heard of since, as the owner that has ended', () => {
    expect(consented(-1).world).toBe('same')
  })
})

describe('A meeting whose owner is only silent', () => {
  /** A lease and a tenth, after which nobody relies on an answer. */
  const OVER = 3_300

  /** The owner is silent, and this node stands. */
  function silent(limits: Partial<Limits> = {}): Desk {
    const desk = new Desk([OWNER, HAS], limits)
    desk.silent.add(OWNER)
    desk.suspect().stand()
    desk.answer(HAS, null)
    return desk
  }

  it('is left to the owner where nothing is here from which it could go on', () => {
    const desk = new Desk([OWNER])
    desk.replica.copy.heritage = null
    desk.suspect()
    expect([desk.heard(), desk.replica.isOrphan]).toEqual([[], false])
  })

  it('keeps that owner from the support of this node, until it has said that it has no such meeting', () => {
    const desk = new Desk([OWNER, HAS])
    desk.silent.add(OWNER)
    desk.suspect()
    expect(desk.revival.isAgainst(OWNER)).toBe(false)
    desk.stand()
    expect([OWNER, HAS].map((node) => desk.revival.isAgainst(node))).toEqual([true, true])
    desk.answer(HAS, null)
    expect([OWNER, HAS].map((node) => desk.revival.isAgainst(node))).toEqual([true, false])
    // Of one that has ended, nobody needs to be kept from anything.
    desk.revival.gone(OWNER, desk.now)
    expect(desk.revival.isAgainst(OWNER)).toBe(false)
  })

  it('goes on only when the owner must have stopped: it was not answered for a lease, nor by its members', () => {
    const desk = silent()
    desk.support.gave(OWNER, desk.now - 1_000)
    desk.promise('ann', 0, { age: 3_000 })
    desk.promise('cid', 3, { age: 2_000 })
    // The owner was answered 1,000 ms before, and cid has acknowledged something 2,000 ms before.
    const again = (): void => {
      desk.promise('ann', 0, { age: 5_000 })
      desk.promise('cid', 3, { age: 4_000 })
    }
    desk.pass(OVER - 1_000 - 60)
    again()
    expect(desk.world).toBeUndefined()
    desk.pass(120)
    again()
    expect(desk.world).toBe('same')
    const late = silent()
    late.promise('ann', 0, { age: 4_000 })
    late.promise('cid', 3, { age: 2_000 })
    late.pass(OVER - 2_000 - 60)
    expect(late.world).toBeUndefined()
    late.pass(120)
    expect(late.world).toBe('same')
  })

  it('asks the members anew who have promised long ago, since it is they who support this node', () => {
    const desk = silent()
    const follow = { type: 'follow', meeting: 'm', world: 77, next: 4, readers: 0, spectators: 0 } as const
    desk.revival.await(HAS, { ...follow, replica: 16 }, desk.now)
    desk.heard()
    const ages = { age: 20_000 }
    desk.promise('ann', 0, ages)
    desk.pass(desk.limits.revivalFreshMs + 60)
    desk.promise('cid', 3, ages)
    expect([desk.world, desk.heard()]).toEqual([
      undefined,
      ['6: standing replica:16 world:77 term:3 incarnation:9 next:4 lastTerm:2 lastIncarnation:5'],
    ])
    desk.promise('ann', 0, ages)
    expect(desk.world).toBeUndefined()
    desk.promise('cid', 3, ages)
    expect(desk.world).toBe('same')
  })

  it('is not gone on with in another world, though too few come, until the silence has lasted', () => {
    const desk = silent({ abandonMs: 20_000 })
    desk.pass(15_000)
    desk.promise('ann', 0, { age: 15_000 })
    desk.pass(4_800)
    expect(desk.world).toBeUndefined()
    desk.pass(300)
    expect(desk.world).toBe('new')
    // For nobody, it is not begun anew at all.
    const alone = silent({ abandonMs: 20_000 })
    alone.pass(29_900)
    expect([alone.world, alone.replica.isOrphan]).toEqual([undefined, true])
  })

  it('waits for that owner though another node ends meanwhile', () => {
    const desk = silent()
    desk.support.gave(OWNER, desk.now)
    desk.promise('ann', 0)
    desk.promise('cid', 3)
    desk.revival.gone(HAS, desk.now)
    desk.nodes.end(HAS)
    desk.pass(3_000)
    expect([desk.world, desk.revival.isAgainst(OWNER)]).toEqual([undefined, true])
  })

  it('is given up where that owner, heard in between, has no such meeting any more', () => {
    const desk = silent()
    desk.silent.delete(OWNER)
    desk.promise('ann', 0)
    desk.answer(OWNER, null)
    expect([desk.replica.isOrphan, desk.revival.holds('m')]).toEqual([false, false])
  })

  it('goes on at once as that of one that has ended, once that is known', () => {
    const desk = silent()
    desk.support.gave(OWNER, desk.now)
    desk.promise('ann', 0)
    desk.promise('cid', 3)
    expect(desk.world).toBeUndefined()
    desk.revival.gone(OWNER, desk.now)
    desk.nodes.end(OWNER)
    desk.pass(60)
    expect(desk.world).toBe('same')
  })

  it('has its time to come anew when that is known', () => {
    const desk = silent()
    desk.pass(2_900)
    desk.revival.gone(OWNER, desk.now)
    desk.nodes.end(OWNER)
    desk.pass(2_900)
    expect(desk.world).toBeUndefined()
    desk.pass(200)
    expect(desk.world).toBe('new')
  })

  it('is given back to the owner that is heard again', () => {
    const desk = silent()
    desk.silent.delete(OWNER)
    desk.pass(60)
    expect([desk.replica.owner, desk.heard(), desk.revival.holds('m')]).toEqual([
      OWNER,
      ['m is let go of', named(OWNER)],
      false,
    ])
    // It has no such meeting any more.
    desk.replica.handle({ type: 'absent', replica: NUMBER }, desk.now)
    expect(desk.replica.isOrphan).toBe(false)
  })

  it('is looked for less often than that of one that has ended', () => {
    const desk = new Desk([OWNER, HAS])
    desk.silent.add(OWNER)
    desk.suspect().pass(1)
    desk.says(0)
    desk.pass(450)
    expect(desk.looks).toHaveLength(0)
    desk.pass(100)
    expect(desk.looks).toHaveLength(1)
  })

  it('is stood for though the registrar still hears that owner, for those who wait here, and not for nobody', () => {
    for (const isAwaited of [true, false]) {
      const desk = new Desk([OWNER, HAS])
      desk.silent.add(OWNER)
      desk.suspect()
      if (isAwaited) desk.join('ann', { world: 77, next: 4, held: heldBy(0) })
      desk.pass(1)
      desk.says(OWNER)
      expect([desk.asked.length > 0, desk.revival.holds('m')]).toEqual([isAwaited, true])
    }
  })

  it('is given up where nobody has gone on for a minute and ten seconds', () => {
    const desk = new Desk([OWNER, HAS])
    desk.silent.add(OWNER)
    desk.suspect()
    for (let ms = 0; ms < 69_900; ms += 100) {
      desk.pass(100)
      if (desk.looks.length > 0) desk.says(0)
    }
    expect(desk.replica.isOrphan).toBe(true)
    desk.pass(700)
    expect(desk.replica.isOrphan).toBe(false)
  })

  it('asks nodes that come to be heard meanwhile, too', () => {
    const desk = new Desk([OWNER, HAS, HAS_NOT])
    desk.silent.add(OWNER).add(HAS_NOT)
    desk.suspect().stand()
    desk.answer(HAS, null)
    expect(desk.asked).toEqual([])
    desk.silent.delete(HAS_NOT)
    desk.pass(60)
    expect(desk.asked.map(({ node }) => node)).toEqual([HAS_NOT])
    desk.answer(HAS_NOT, 'broken')
    desk.pass(60)
    expect(desk.asked.map(({ node }) => node)).toEqual([HAS_NOT])
  })
})
