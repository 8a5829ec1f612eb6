import { describe, expect, it } from 'vitest'
import { decodeHandover, encodeHandover } from '../../../../src/core/cluster/handover-messages.ts'
import { linked, type LinkPart } from '../../../../src/core/cluster/link-messages.ts'
import {
  decodeDatagram,
  encodeFrames,
  encodeHeads,
  encodeCall,
  encodePull,
  MESH,
} from '../../../../src/core/cluster/datagrams.ts'
import { decodeMesh, encodeMesh, type MeshMessage } from '../../../../src/core/cluster/mesh-messages.ts'
import { Mesh } from '../../../../src/core/cluster/mesh.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import type { MessageOf } from '../../../../src/protocol/index.ts'
import { followedOf, inputOf, joinOf, ownerOn, Parts, seal, seatedOf, words } from './parts.ts'

const SELF = 1
/** The nodes that own the meetings m and n, and one that has a replica of o, which is here. */
const OF_M = 5
const OF_N = 6
const GUEST = 7
/** One that has ended. */
const GONE = 8

/** The mesh of a node alone; what it says to other nodes is noted in words. */
class Desk extends Parts {
  readonly said: string[] = []
  readonly parts: [number, LinkPart][] = []
  readonly answers: string[] = []
  readonly rejoined: string[] = []
  readonly owner: Owner = ownerOn(this, { frameRate: 10 }, null, { name: 'o' })
  readonly mesh: Mesh
  sweeps = 0
  /** Whether the links take more. */
  isOpen = true
  #logs = 30

  constructor(limits: Partial<Limits> = {}) {
    super(limits)
    const { timers, downstream, budget, work, stats } = this
    this.mesh = new Mesh({
      limits: this.limits,
      timers,
      downstream,
      budget,
      work,
      stats,
      self: SELF,
      put: (node, packet) => this.said.push(`${node}. ${datagram(packet)}`),
      refuse: () => {},
      opening: () => false,
      rejoin: ({ user }) => this.rejoined.push(user),
      links: {
        add: (code: number, part: LinkPart) => this.parts.push([code, part]),
        send: (node: number, packet: Uint8Array) =>
          this.said.push(`${node}: ${words(decodeMesh(packet) ?? (decodeHandover(packet) as never))}`),
        isOpen: (_: number, isLast: boolean) => isLast || this.isOpen,
        sweep: () => this.said.push('links'),
      } as never,
      cluster: {
        peers: [],
        peer: () => undefined,
        isSilent: () => false,
        nodes: { has: (node: number) => node !== GONE },
        isClaiming: () => false,
        holdings: { has: () => false, add: () => {} },
        find: () => {},
      } as never,
      questions: () => ({ ask: () => {} }),
      newWorld: () => 78,
      meetings: () =>
        ({
          get: (name: string) => (name === 'o' ? this.owner : undefined),
          all: () => [],
          size: 1,
          standbys: 0,
        }) as never,
      isDraining: () => false,
      adopt: ({ kind, metadata }) => ({ kind, metadata, logic: null }),
      nextLog: () => this.#logs++,
    })
  }

  heard(): string[] {
    return this.said.splice(0)
  }

  join(session: Session, parts: Partial<MessageOf<'join'>> = {}, owner = OF_M): string[] {
    this.mesh.join(owner, session, joinOf(parts), this.now, (answer) => {
      if (typeof answer === 'string') this.answers.push(answer)
      else this.answers.push('code' in answer ? `${answer.code}: ${answer.message}` : `${answer.slot}`)
    })
    return this.answers.splice(0)
  }

  hear(node: number, message: MeshMessage): void {
    this.mesh.message(node, encodeMesh(message), this.now)
  }

  sweep(): string[] {
    this.mesh.sweep(this.now)
    return this.heard()
  }

  /** A member of the other node's meeting, replica 30. */
  seated(): Session {
    const ann = this.session('ann')
    this.join(ann)
    this.hear(OF_M, followedOf({ replica: 30 }))
    this.hear(OF_M, seatedOf(1, { replica: 30 }))
    this.sweep()
    return ann
  }

  /** A spectator of m here, log 30, and a replica of o on another node. */
  begin(): Session {
    const eve = this.session('eve')
    this.join(eve, { spectator: true })
    this.hear(OF_M, followedOf({ replica: 30 }))
    this.hear(GUEST, {
      type: 'follow',
      replica: 9,
      meeting: 'o',
      world: 0,
      next: 1,
      readers: 1,
      spectators: 0,
    })
    for (let n = 0; n < 3; n++) this.sweep()
    this.answers.length = 0
    return eve
  }
}

function datagram(packet: Uint8Array): string {
  const message = decodeDatagram(packet)
  if (message?.type !== 'frames') return words(message as never)
  return `frames ${message.replica} ${message.first}`
}

const follow = (replica: number, meeting: string, readers: number): string =>
  `follow replica:${replica} meeting:${meeting} next:1${readers > 0 ? ` readers:${readers}` : ''}`

describe('A session that joins a meeting of another node', () => {
  it('makes a replica of it, which the next one shares', () => {
    const desk = new Desk()
    expect(desk.mesh.ownerOf('m')).toBe(0)
    desk.join(desk.session('ann'))
    desk.join(desk.session('eve'), { spectator: true })
    expect(desk.heard()).toEqual([`5: ${follow(30, 'm', 1)}`])
    desk.join(desk.session('dan'), { meeting: 'n' }, OF_N)
    expect(desk.heard()).toEqual([`6: ${follow(31, 'n', 1)}`])
    expect([desk.mesh.ownerOf('m'), desk.mesh.ownerOf('n'), desk.mesh.ownerOf('x')]).toEqual([OF_M, OF_N, 0])
    expect([30, 31, 32].map((log) => desk.mesh.ownerOfLog(log))).toEqual([OF_M, OF_N, 0])
    desk.hear(OF_M, followedOf({ replica: 30 }))
    desk.mesh.sweep(desk.now)
    desk.hear(OF_M, seatedOf(1, { replica: 30 }))
    expect(desk.mesh.size).toEqual({ replicas: 2, members: 1, hosted: { replicas: 0, members: 0 } })
    expect(desk.answers).toEqual(['255', '0'])
  })

  it('is refused what it may not have, and makes no replica then', () => {
    const desk = new Desk({ meetingsPerSession: 0 })
    const away = desk.session('ann')
    away.state = { is: 'away' }
    expect([desk.join(away), desk.join(desk.session('bob'))]).toEqual([['UNKNOWN'], ['LIMIT']])
    expect([desk.mesh.size.replicas, desk.heard()]).toEqual([0, []])
  })

  it('may join again, though it has all the meetings that it may have, but in no other role', () => {
    const desk = new Desk({ meetingsPerSession: 1 })
    const eve = desk.begin()
    expect(desk.join(eve, { spectator: true })).toEqual(['255'])
    expect(desk.join(eve)).toEqual(['LIMIT: it is in this meeting in another role; leave it first'])
    expect(desk.join(eve, { meeting: 'n', spectator: true })).toEqual(['LIMIT'])
  })

  it('finds no place for one replica more than there may be', () => {
    const desk = new Desk({ replicas: 2 })
    expect(desk.join(desk.session('ann'))).toEqual([])
    expect(desk.join(desk.session('ann'), { meeting: 'n' })).toEqual([])
    expect(desk.join(desk.session('ann'), { meeting: 'k' })).toEqual(['LIMIT'])
    expect(desk.join(desk.session('bob'), { meeting: 'n' })).toEqual([])
    expect(desk.mesh.size.replicas).toBe(2)
  })

  it('and has ended is not waited for at any of them', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    desk.join(ann)
    desk.join(ann, { meeting: 'n' }, OF_N)
    desk.mesh.drop(ann)
    for (const [node, replica] of [
      [OF_M, 30],
      [OF_N, 31],
    ] as const) {
      desk.hear(node, followedOf({ replica }))
      desk.hear(node, seatedOf(1, { replica }))
    }
    expect([desk.answers, desk.mesh.size.members]).toEqual([[], 0])
  })
})

describe('What comes from another node', () => {
  it('reaches the replica that it is for, if it is of the node that owns the meeting', () => {
    const desk = new Desk()
    desk.join(desk.session('eve'), { spectator: true })
    desk.heard()
    desk.hear(OF_N, followedOf({ replica: 30 }))
    desk.hear(OF_M, followedOf({ replica: 31 }))
    expect(desk.answers).toEqual([])
    desk.hear(OF_M, followedOf({ replica: 30 }))
    expect(desk.heard()).toEqual([])
    desk.mesh.sweep(desk.now)
    expect(desk.answers).toEqual(['255'])
  })

  it('of a replica elsewhere reaches the meeting', () => {
    const desk = new Desk()
    desk.begin()
    expect(desk.mesh.size.hosted).toEqual({ replicas: 1, members: 0 })
    const entered = { again: false, session: 's', former: '', held: [], world: 0, user: 'u', config: '' }
    desk.hear(GUEST, { type: 'enter', replica: 9, seat: 1, ...entered })
    expect(desk.heard()).toHaveLength(1)
    expect(desk.mesh.size.hosted).toEqual({ replicas: 1, members: 1 })
  })

  it('and cannot be read is counted, and does nothing', () => {
    const desk = new Desk()
    desk.mesh.message(OF_M, Uint8Array.of(linked.mesh, 99), desk.now)
    desk.mesh.datagram(OF_M, Uint8Array.of(MESH, 99), desk.now)
    expect([desk.stats.strangers, desk.heard()]).toEqual([2, []])
  })

  it('and of a node that is not there, or about a meeting as there is none, does nothing either', () => {
    const desk = new Desk()
    desk.mesh.datagram(GONE, encodeCall(1), desk.now)
    expect([desk.heard(), desk.stats.strangers]).toEqual([[], 0])
    desk.mesh.datagram(GUEST, encodeCall(1), desk.now)
    expect(desk.heard()).toHaveLength(1)
    desk.join(desk.session('ann'))
    desk.heard()
    desk.hear(OF_M, followedOf({ replica: 30, frameRate: 61 }))
    expect([desk.heard(), desk.stats.strangers]).toEqual([[], 1])
  })

  it('may be frames and their heads for a replica, of its owner alone', () => {
    const desk = new Desk()
    desk.begin()
    const other = ownerOn(desk)
    other.addBot('bot')
    for (let n = 0; n < 2; n++) {
      const [bot] = other.bots.list
      bot?.send(inputOf(1).data)
      seal(other, desk.now)
    }
    desk.heard()
    const { bytes } = encodeFrames(30, other.log, 2, 1_000)
    desk.mesh.datagram(OF_N, bytes, desk.now)
    desk.mesh.datagram(OF_N, encodeHeads([{ replica: 30, next: 4, due: 1 }]), desk.now)
    expect(desk.heard()).toEqual([])
    desk.mesh.datagram(OF_M, bytes, desk.now)
    expect(desk.heard()).toEqual(['5. pull replica:30 from:1'])
    desk.mesh.datagram(OF_M, encodeFrames(30, other.log, 1, 1_000).bytes, desk.now)
    const heads = [29, 30, 31].map((replica) => ({ replica, next: 4, due: 1 }))
    desk.mesh.datagram(OF_M, encodeHeads(heads), desk.now)
    expect(desk.heard()).toEqual(['5. pull replica:30 from:3'])
  })

  it('may ask for frames of a meeting here', () => {
    const desk = new Desk()
    desk.begin()
    desk.timers.run(desk.owner.due)
    desk.sweep()
    desk.mesh.datagram(GUEST, encodePull(9, 1), desk.now)
    expect([desk.mesh.hasWork, desk.sweep()]).toEqual([true, ['links', '7. frames 9 1']])
  })
})

describe('A link that breaks', () => {
  it('is followed anew by the replicas of that node, and its members here are away', () => {
    const desk = new Desk()
    desk.begin()
    desk.join(desk.session('dan'), { meeting: 'n' }, OF_N)
    desk.heard()
    for (const [, part] of desk.parts) part.broken(OF_N, desk.now)
    expect(desk.heard()).toEqual([`6: ${follow(31, 'n', 1)}`])
    expect(desk.owner.room.isDeserted).toBe(false)
    desk.mesh.broken(GUEST, desk.now)
    expect([desk.heard(), desk.owner.room.isDeserted, desk.waits['grace']]).toEqual([[], true, 1])
  })

  it('concerns hand-overs first, and then the replicas', () => {
    expect(new Desk().parts.map(([code]) => code)).toEqual([linked.handover, linked.mesh])
  })

  it('to a node that has ended leaves its meetings without an owner until another node goes on; spectators stay', () => {
    const desk = new Desk()
    const eve = desk.begin()
    desk.join(eve, { meeting: 'n', spectator: true }, OF_N)
    desk.hear(OF_N, followedOf({ replica: 31 }))
    desk.mesh.sweep(desk.now)
    desk.mesh.gone(OF_M, desk.now)
    expect([desk.rejoined, [...eve.seats.keys()], desk.mesh.size.replicas]).toEqual([[], [30, 31], 2])
    expect([desk.mesh.ownerOf('m'), desk.mesh.ownerOfLog(30), desk.mesh.ownerOf('n')]).toEqual([-1, 0, OF_N])
    desk.mesh.gone(GUEST, desk.now)
    expect(desk.owner.room.isDeserted).toBe(true)
  })

  it('to an owner that sends the replica to its own node leaves it without an owner: it cannot follow itself', () => {
    const desk = new Desk()
    desk.begin()
    desk.heard()
    // The name is counted as this node's, which stood for the meeting while its owner was silent.
    desk.hear(OF_M, { type: 'moved', replica: 30, owner: SELF })
    expect([desk.heard(), desk.mesh.ownerOf('m')]).toEqual([[], -1])
    desk.hear(OF_M, { type: 'moved', replica: 30, owner: OF_N })
    expect(desk.heard()).toEqual([])
  })
})

describe('A meeting that another node offers', () => {
  const offer = (name: string): Uint8Array =>
    encodeHandover({ type: 'offer', name, world: 77, hop: 0, head: 0, holders: [], kind: '', metadata: '{}' })

  it('is followed, as long as there is room for a replica', () => {
    const desk = new Desk({ replicas: 1 })
    const [[, handover] = []] = desk.parts
    handover?.message(OF_M, offer('m'), desk.now)
    expect([desk.heard(), desk.mesh.ownerOf('m')]).toEqual([[`5: ${follow(30, 'm', 0)}`], OF_M])
    handover?.message(OF_N, offer('n'), desk.now)
    expect([desk.heard(), desk.mesh.size.replicas]).toEqual([['6: declined name:n world:77'], 1])
    desk.hear(OF_M, followedOf({ replica: 30 }))
    expect(desk.heard()).toEqual(['5: ready name:m world:77'])
  })

  it('is forgotten when its node has ended', () => {
    const desk = new Desk()
    const [[, handover] = []] = desk.parts
    handover?.message(OF_M, offer('m'), desk.now)
    desk.mesh.gone(OF_M, desk.now)
    expect(desk.mesh.size.replicas).toBe(0)
    desk.heard()
    handover?.message(OF_N, offer('m'), desk.now)
    expect(desk.heard()).toEqual([`6: ${follow(31, 'm', 0)}`])
  })
})

describe('The sweep of a mesh', () => {
  it('tells what replicas have to say, and sends frames only behind what the links have', () => {
    const desk = new Desk()
    const eve = desk.begin()
    expect([desk.mesh.hasWork, desk.sweep()]).toEqual([false, ['links']])
    desk.timers.run(desk.owner.due)
    expect(desk.mesh.hasWork).toBe(true)
    eve.leave(30, 'left')
    expect(desk.sweep()).toEqual(['5: readers replica:30', 'links', '7. frames 9 1'])
    expect([desk.mesh.hasWork, desk.sweep()]).toEqual([false, ['links']])
  })

  it('goes on with a replica whose link takes no more once it does', () => {
    const desk = new Desk()
    const ann = desk.seated()
    desk.heard()
    expect(desk.mesh.hasWork).toBe(false)
    desk.isOpen = false
    ann.seats.get(30)?.accept(inputOf(1), desk.now)
    expect([desk.mesh.hasWork, desk.sweep(), desk.mesh.hasWork]).toEqual([false, ['links'], false])
    desk.isOpen = true
    expect(desk.mesh.hasWork).toBe(true)
    expect([desk.sweep(), desk.mesh.hasWork]).toEqual([
      ['5: input replica:30 seat:1 seq:1 data:i1', 'links'],
      false,
    ])
  })

  it('has something to do for a replica that is told of while another one waits for its link', () => {
    const desk = new Desk()
    const ann = desk.seated()
    desk.isOpen = false
    ann.seats.get(30)?.accept(inputOf(1), desk.now)
    expect(desk.mesh.hasWork).toBe(false)
    desk.join(desk.session('eve'), { meeting: 'n', spectator: true }, OF_N)
    expect(desk.mesh.hasWork).toBe(true)
  })
})

describe('The beat of a mesh', () => {
  it('begins with the first replica, here or elsewhere, and ends with the last', () => {
    const desk = new Desk({ meshBeatMs: 500, lingerMs: 1_200 })
    desk.sweep()
    expect(desk.waits['mesh']).toBeUndefined()
    const eve = desk.session('eve')
    desk.join(eve, { spectator: true })
    desk.hear(OF_M, followedOf({ replica: 30 }))
    desk.sweep()
    expect(desk.timers.next).toBe(desk.now + 500)
    desk.now += 100
    desk.sweep()
    expect(desk.timers.next).toBe(desk.now + 400)
    eve.leave(30, 'left')
    for (let beats = 1; beats <= 3; beats++) {
      expect(desk.mesh.size.replicas).toBe(1)
      desk.now = desk.timers.next
      desk.timers.run(desk.now)
    }
    expect([desk.mesh.size.replicas, desk.waits['mesh'], desk.mesh.hasWork]).toEqual([0, undefined, false])
    expect(desk.heard().at(-1)).toBe('5: unfollow replica:30')
  })

  it('tells the replicas elsewhere where they stand, as long as there are any', () => {
    const desk = new Desk({ meshBeatMs: 500 })
    desk.hear(GUEST, {
      type: 'follow',
      replica: 9,
      meeting: 'o',
      world: 0,
      next: 1,
      readers: 0,
      spectators: 0,
    })
    desk.sweep()
    desk.sweep()
    desk.now += 500
    desk.timers.run(desk.now)
    expect([desk.heard(), desk.waits['mesh']]).toEqual([['7. heads heads:9 1 0'], 1])
    desk.hear(GUEST, { type: 'unfollow', replica: 9 })
    desk.now += 500
    desk.timers.run(desk.now)
    expect([desk.heard(), desk.waits['mesh']]).toEqual([[], undefined])
  })

  it('has JOINs that wait for too long answered', () => {
    const desk = new Desk({ meshBeatMs: 500, joinMs: 800 })
    desk.join(desk.session('ann'))
    desk.sweep()
    for (let beats = 0; beats < 2; beats++) {
      expect(desk.answers).toEqual([])
      desk.now += 500
      desk.timers.run(desk.now)
    }
    expect(desk.answers).toEqual(['BUSY: the node that has this meeting does not answer; try again'])
  })
})
