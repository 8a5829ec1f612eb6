import { describe, expect, it, vi } from 'vitest'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import { jsonCodec, type MessageOf, RtmsError, type ServerMessage } from '../../../../src/protocol/index.ts'
import { fixedLimits } from '../../../../src/core/ground/config.ts'
import { LINK } from '../../../../src/core/cluster/links.ts'
import { MESH } from '../../../../src/core/cluster/datagrams.ts'
import { Random } from '../../../../src/testing/index.ts'
import { bytes, framesOf, grant, type Harness, type Peer, text, textOf } from '../harness.ts'
import { expectNothing, settled, type World } from './world.ts'

type Joined = MessageOf<'joined'>
type Options = Parameters<World['open']>[2]

/** Two nodes, and a meeting on the first. */
function meeting(
  options: Options = {},
  limits: Parameters<typeof settled>[1] = {},
  logic: MeetingLogic | null = null,
) {
  const world = settled(2, limits)
  const [a, b] = world.nodes as [Harness, Harness]
  world.open(a, 'm', { frameRate: 20, inputsPerSecond: 1_000, ...options }, logic)
  world.settle()
  expect(world.answers(a)).toEqual(['new on n1'])
  return { world, a, b }
}

/** A client that acknowledges nothing and needs no credit. */
const client = (h: Harness, user: string): Peer => h.connect(user, { window: 0 })

/** The same client on another connection, to the same node or to another one. */
function again(world: World, h: Harness, user: string, before: Peer): Peer {
  const peer = h.open(undefined, '', before.follower)
  peer.hello(user, { window: 0 })
  world.settle()
  // Its session may be where it cannot be fetched from.
  while (peer.all('welcome').length === 0) world.advance(1_000)
  peer.continue(peer.all('welcome')[0]?.calls ?? 0)
  return peer
}

/** Joins, and returns the JOINED, or the error in words. */
function tryJoin(world: World, peer: Peer, parts: Partial<MessageOf<'join'>> = {}): Joined | string {
  const from = peer.heard.length
  const call = peer.join('m', parts)
  world.settle()
  const answer = peer.heard.slice(from).find((each) => 'call' in each && each.call === call)
  if (answer?.type === 'joined') return answer
  return answer?.type === 'failed' ? `${answer.error}: ${answer.message}` : 'no answer'
}

function join(world: World, peer: Peer, parts: Partial<MessageOf<'join'>> = {}): Joined {
  const joined = tryJoin(world, peer, parts)
  if (typeof joined === 'string') throw new Error(joined)
  return joined
}

/** How long a reader waits for frames, at most, in milliseconds. */
function longestWait(world: World, peer: Peer, ms: number): number {
  let longest = 0
  let last = world.now
  for (const end = world.now + ms; world.now < end;) {
    const { length } = peer.all('frames')
    world.advance(10)
    if (peer.all('frames').length === length) continue
    longest = Math.max(longest, world.now - last)
    last = world.now
  }
  return longest
}

/** What a reader has heard of frames from a position on, in bytes, without the number of its log. */
const bytesOf = (peer: Peer, from: number): string[] =>
  peer
    .all('frames')
    .filter(({ first }) => first >= from)
    .map(
      ({ first, count, frames, stable }) =>
        `${first} ${count} ${Buffer.from(frames).toString('hex')} ${stable}`,
    )

/** Each input as its frames have it: slot, seq, text. */
const inputsOf = (messages: readonly ServerMessage[]): string[] =>
  framesOf(messages).flatMap(({ inputs }) =>
    inputs.map(({ slot, seq, data }) => `${slot} ${seq} ${textOf(data)}`),
  )

const eventsOf = (messages: readonly ServerMessage[]): string[] =>
  framesOf(messages).flatMap(({ events }) =>
    events.flatMap((event) => ('slot' in event ? `${event.type} ${event.slot}` : event.type)),
  )

const nacksOf = (peer: Peer): string[] =>
  peer.all('nack').map(({ seq, error, retryAfter }) => `${seq} ${error} ${retryAfter}`)

const upTo = (count: number, slot: number, word: string): string[] =>
  Array.from({ length: count }, (_, n) => `${slot} ${n + 1} ${word}${n + 1}`)

describe('A spectator on a node that does not own the meeting', () => {
  it('gets the empty frames of a quiet meeting as often as one on the node that owns it', () => {
    const { world, a, b } = meeting()
    const [ann, bob] = [client(a, 'ann'), client(b, 'bob')]
    for (const peer of [ann, bob]) join(world, peer)
    world.advance(fixedLimits.quietMs + 1_000)
    expect([longestWait(world, ann, 1_000), longestWait(world, bob, 1_000)]).toEqual([200, 200])
    // Some are lost, and come at another time than those that were sent together.
    const way = `${a.node.incarnation} ${b.node.incarnation}`
    for (let n = 0; n < 5; n++) {
      world.cut.add(way)
      world.advance(230 + 10 * n)
      world.cut.delete(way)
      const { length } = bob.all('frames')
      while (bob.all('frames').length === length) world.advance(10)
      expect(longestWait(world, bob, 1_000)).toBe(200)
    }
  })

  it('gets the same frames, byte for byte, as one on the node that owns it', () => {
    const { world, a, b } = meeting()
    const player = client(a, 'ann')
    const { log } = join(world, player)
    const near = client(a, 'bob')
    join(world, near, { spectator: true })
    world.advance(500)
    const far = client(b, 'eve')
    expect(join(world, far, { spectator: true })).toMatchObject({ slot: 255, next: 1, head: 10, rate: 20 })
    for (let seq = 1; seq <= 20; seq++) {
      player.input(log, seq)
      if (seq % 5 === 0) player.send({ type: 'ack', bytes: 0, received: 0, seen: [{ log, frame: seq }] })
      world.advance(seq * 7)
    }
    expect(framesOf(far.heard)).toEqual(framesOf(near.heard))
    expect(bytesOf(far, 11)).toEqual(bytesOf(near, 11))
    expect(bytesOf(far, 11).length).toBeGreaterThan(20)
    expect(a.node.meeting('m')?.spectators).toBe(2)
  })

  it('costs the bus nothing more when a thousand others read there, too', () => {
    const cost = (count: number): number => {
      const { world, a, b } = meeting({ frameRate: 20 })
      const player = client(a, 'ann')
      const { log } = join(world, player)
      for (let n = 0; n < count; n++) client(b, `u${n}`).join('m', { spectator: true })
      world.settle()
      const before = world.sent.get(a)?.get(0x6d) ?? 0
      for (let seq = 1; seq <= 6; seq++) {
        player.input(log, seq)
        world.advance(50)
      }
      expect(a.node.meeting('m')?.spectators).toBe(count)
      return (world.sent.get(a)?.get(0x6d) ?? 0) - before
    }
    expect(cost(1_000)).toBe(cost(1))
  })

  it('sees nothing before the delay has passed, on whatever node it asks', () => {
    const { world, a, b } = meeting({ spectatorDelayMs: 1_000 })
    const player = client(a, 'ann')
    const { log } = join(world, player)
    const near = client(a, 'bob')
    join(world, near, { spectator: true })
    world.advance(2_000)
    const [shown] = framesOf(near.heard).slice(-1)
    const far = client(b, 'eve')
    const joined = join(world, far, { spectator: true })
    expect(joined.head).toBe(shown?.number)
    player.input(log, 1, text('now'))
    world.advance(1_020)
    expect(inputsOf(far.heard)).toEqual([])
    world.advance(100)
    expect(inputsOf(far.heard)).toEqual(['0 1 now'])
    const late = client(b, 'dan')
    expect(join(world, late, { spectator: true }).members).toEqual([{ slot: 0, user: 'ann', away: false }])
    world.advance(2_000)
    expect(framesOf(far.heard)).toEqual(framesOf(near.heard))
  })

  it('is told of what its node could not get any more', () => {
    const { world, a, b } = meeting({}, { meetingLogBytes: 4_000 })
    const player = client(a, 'ann')
    const { log } = join(world, player)
    const far = client(b, 'eve')
    join(world, far, { spectator: true })
    world.advance(60)
    world.bus.cut(b.node.incarnation)
    for (let seq = 1; seq <= 60; seq++) {
      player.input(log, seq)
      world.advance(50)
    }
    world.bus.restore(b.node.incarnation)
    world.advance(2_000)
    const [gap] = far.all('gap')
    expect(gap).toMatchObject({ reason: 'NO_SNAPSHOT', from: 2 })
    expect(inputsOf(far.heard).at(-1)).toBe('0 60 i60')
    const next = framesOf(far.heard).at(-1)?.number
    expect(next).toBe(a.node.meeting('m')?.frame)
  })

  it('keeps the meeting going as long as it reads, and no longer', () => {
    const { world, a, b } = meeting({ ttlMs: 60_000 })
    const far = client(b, 'eve')
    join(world, far, { spectator: true })
    world.advance(13_000)
    expect(a.node.meeting('m')).toMatchObject({ frame: 260, spectators: 1 })
    far.hangUp(true)
    world.advance(10_000)
    const { frame = 0 } = a.node.meeting('m') ?? {}
    expect(frame).toBeLessThan(265)
    expect(b.node.peering?.mesh.size.replicas).toBe(0)
    world.advance(60_000)
    expect(a.node.meeting('m')).toBeUndefined()
    for (const h of [a, b]) expectNothing(h)
  })

  it('gets JSON, if it speaks it', () => {
    const { world, a, b } = meeting()
    const player = client(a, 'ann')
    const { log } = join(world, player)
    const far = b.connect('eve', { window: 0 }, jsonCodec)
    join(world, far, { spectator: true })
    player.input(log, 1, text('hi'))
    world.advance(100)
    expect(inputsOf(far.heard)).toEqual(['0 1 hi'])
  })
})

describe('A member on a node that does not own the meeting', () => {
  for (const frameRate of [20, 0])
    it(`plays as one on the node that owns it, at ${frameRate} frames a second`, () => {
      const { world, a, b } = meeting({ frameRate })
      const [ann, bob] = [client(a, 'ann'), client(b, 'bob')]
      const [one, two] = [join(world, ann), join(world, bob)]
      expect([one.slot, two.slot]).toEqual([0, 1])
      expect(two).toMatchObject({ world: one.world, term: one.term, incarnation: one.incarnation, seq: 0 })
      expect(two.members.map(({ user }) => user)).toEqual(['ann', 'bob'])
      for (let seq = 1; seq <= 10; seq++) {
        ann.input(one.log, seq, text(`a${seq}`))
        world.settle()
        bob.input(two.log, seq, text(`b${seq}`))
        world.advance(60)
      }
      world.advance(100)
      const [as, bs] = [upTo(10, 0, 'a'), upTo(10, 1, 'b')]
      const expected = as.flatMap((each, n) => [each, bs[n]])
      expect(inputsOf(ann.heard)).toEqual(expected)
      expect(inputsOf(bob.heard)).toEqual(expected)
      expect(a.node.meeting('m')?.members).toEqual([
        { slot: 0, user: 'ann', away: false, bot: false },
        { slot: 1, user: 'bob', away: false, bot: false },
      ])
    })

  it('is told when a frame is due as the owner sees it', () => {
    const { world, a, b } = meeting()
    const one = join(world, client(a, 'ann'))
    world.advance(777)
    const two = join(world, client(b, 'bob'))
    const due = ({ start, startFrame }: Joined): number => start - startFrame * 50_000
    expect(Math.abs(due(two) - due(one))).toBeLessThan(10)
  })

  it('has its acknowledgements counted', () => {
    const { world, a, b } = meeting()
    const peers = [client(b, 'ann'), client(b, 'bob')] as const
    const logs = peers.map((peer) => join(world, peer).log) as [number, number]
    world.advance(500)
    expect(a.node.meeting('m')?.stable).toBe(0)
    peers[0].send({ type: 'ack', bytes: 0, received: 0, seen: [{ log: logs[0], frame: 5 }] })
    world.advance(100)
    expect(a.node.meeting('m')?.stable).toBe(5)
    expect(Math.max(...peers[1].all('frames').map(({ stable }) => stable))).toBe(5)
  })

  it('is refused for the reasons for which it would be refused there', () => {
    const asked: string[] = []
    const logic: MeetingLogic = {
      join: (slot, user) => {
        asked.push(`${slot} ${user}`)
        return user === 'eve' ? new RtmsError('FORBIDDEN', 'not you', { retryAfterMs: 700 }) : null
      },
    }
    const { world, b } = meeting({ capacity: 1, config: 'v1', joinsPerMinute: 3 }, {}, logic)
    expect(tryJoin(world, client(b, 'eve'))).toBe('FORBIDDEN: not you')
    expect(tryJoin(world, client(b, 'dan'), { config: 'v2' })).toMatch('CONFIG_MISMATCH')
    expect(tryJoin(world, client(b, 'dan'), { spectator: true, config: 'v2' })).toMatch('CONFIG_MISMATCH')
    const ann = client(b, 'ann')
    join(world, ann, { config: 'v1' })
    expect(tryJoin(world, ann, { spectator: true })).toBe(
      'LIMIT: it is in this meeting in another role; leave it first',
    )
    expect(tryJoin(world, client(b, 'bob'))).toMatch('FULL')
    expect(asked).toEqual(['0 eve', '0 ann'])
    ann.hangUp(true)
    world.advance(200)
    for (let n = 0; n < 2; n++) {
      const eve = client(b, 'eve')
      expect(tryJoin(world, eve)).toBe('FORBIDDEN: not you')
      eve.hangUp(true)
    }
    expect(tryJoin(world, client(b, 'eve'))).toBe('RATE: more than 3 joins a minute')
  })

  it('has its inputs taken in later sweeps, all of them and in order, where hooks take long over them', () => {
    const taken: string[] = []
    const logic: MeetingLogic = {
      input: (_slot, _user, data) => {
        taken.push(textOf(data))
        a.hookTime += 3e6
        return data
      },
    }
    const { world, a, b } = meeting({}, {}, logic)
    const bob = client(b, 'bob')
    const { log } = join(world, bob)
    for (const seq of [1, 2, 3, 4, 5]) bob.input(log, seq, text(`${seq}`))
    b.settle()
    world.bus.deliver()
    const after = [taken.length]
    // What comes meanwhile waits behind that.
    for (const seq of [6, 7]) bob.input(log, seq, text(`${seq}`))
    b.settle()
    world.bus.deliver()
    for (let n = 0; n < 4; n++) {
      a.sweep()
      after.push(taken.length)
    }
    expect(after).toEqual([1, 3, 5, 7, 7])
    world.advance(200)
    expect(inputsOf(bob.heard)).toEqual(
      ['1', '2', '3', '4', '5', '6', '7'].map((each) => `0 ${each} ${each}`),
    )
  })

  it('does not wait behind the inputs of others there, where hooks take long over them', () => {
    const taken: string[] = []
    const logic: MeetingLogic = {
      input: (_slot, user, data) => {
        taken.push(`${user} ${textOf(data)}`)
        a.hookTime += 3e6
        return data
      },
    }
    const { world, a, b } = meeting({}, {}, logic)
    const [eve, bob, cal] = [client(b, 'eve'), client(b, 'bob'), client(b, 'cal')]
    const { log } = join(world, eve)
    join(world, bob)
    for (let seq = 1; seq <= 20; seq++) eve.input(log, seq, text(`${seq}`))
    b.settle()
    bob.input(log, 1, text('1'))
    cal.join('m')
    b.settle()
    world.bus.deliver()
    a.sweep()
    expect(taken).toEqual(['eve 1', 'eve 2', 'bob 1'])
    // What else is said goes on.
    for (let n = 0; n < 4; n++) {
      world.bus.deliver()
      b.sweep()
      world.bus.deliver()
      a.sweep()
    }
    expect(cal.all('joined')).toHaveLength(1)
    expect(taken.length).toBeLessThan(12)
  })

  it('waits at its node once much of what users have said waits at the owner', () => {
    const logic: MeetingLogic = {
      input: (_slot, _user, data) => {
        a.hookTime += 5e6
        return data
      },
    }
    const { world, a, b } = meeting({}, { linkWindow: 8_000, linkBytes: 2_900 }, logic)
    const members = Array.from({ length: 9 }, (_, n) => client(b, `u${n}`))
    const logs = members.map((member) => join(world, member).log)
    // They take turns, and there is time for what is said else. One input of each is heard in any case.
    a.hookTime += 2e6
    for (const [at, member] of members.entries()) {
      member.input(logs[at] as number, 1, text('x'))
      b.settle()
      world.bus.deliver()
    }
    const turns = a.node.peering?.mesh.hosting.turns
    expect(turns?.isFull).toBe(true)
    const dan = client(b, 'dan')
    dan.join('m', { spectator: true })
    b.settle()
    world.bus.deliver()
    expect([dan.all('joined').length, a.node.meeting('m')?.spectators]).toEqual([1, 0])
    world.advance(1_000)
    expect(a.node.meeting('m')?.spectators).toBe(1)
    for (const member of members) expect(inputsOf(member.heard).length).toBe(9)
    expect(a.node.stats.linksBroken + b.node.stats.linksBroken).toBe(0)
  })

  it('is told which of its inputs were refused, and why', () => {
    const logic: MeetingLogic = {
      input: (_slot, _user, data) =>
        textOf(data) === 'no' ? new RtmsError('FORBIDDEN', 'not now', { retryAfterMs: 300 }) : data,
    }
    const { world, b } = meeting({ inputBytes: 10, inputsPerSecond: 5, inputBurst: 4 }, {}, logic)
    const bob = client(b, 'bob')
    const { log } = join(world, bob)
    bob.input(log, 1, text('no'))
    bob.input(log, 2, bytes(11))
    bob.input(log, 3, text('yes'))
    bob.input(log, 3, text('twice'))
    bob.send({ type: 'input', log, seq: 6, after: 5, seen: 0, data: text('early') })
    for (const seq of [4, 5, 6, 7]) bob.input(log, seq, text('much'))
    world.advance(200)
    expect(nacksOf(bob)).toEqual([
      '2 TOO_LARGE 0',
      '3 STALE 0',
      '6 OUT_OF_ORDER 0',
      '1 FORBIDDEN 300',
      '6 RATE 200',
      '7 RATE 200',
    ])
    expect(inputsOf(bob.heard)).toEqual(['0 3 yes', '0 4 much', '0 5 much'])
    expect(bob.all('nack')[1]?.last).toBe(3)
    bob.hangUp(true)
    world.advance(1_000)
    expect(b.node.logs.of.user).toBe(0)
  })

  it('is spoken to alone, kicked, and told of the end', () => {
    const { world, a, b } = meeting()
    const [bob, eve] = [client(b, 'bob'), client(b, 'eve')]
    const [{ log }] = [join(world, bob), join(world, eve)]
    expect(a.node.sendTo('m', 0, text('psst'))).toBe(true)
    world.settle()
    expect(bob.all('direct').map(({ data }) => textOf(data))).toEqual(['psst'])
    expect(eve.all('direct')).toEqual([])
    expect(a.node.kick('m', 0, 'out')).toBe(true)
    world.advance(100)
    expect(bob.all('ended')).toMatchObject([{ log, error: 'CLOSED', message: 'out' }])
    bob.input(log, 1)
    world.advance(100)
    expect(nacksOf(bob)).toEqual(['1 NOT_JOINED 0'])
    expect(eventsOf(eve.heard).slice(-1)).toEqual(['leave 0'])
    a.node.closeMeeting('m', a.now)
    world.settle()
    expect(eve.all('ended')).toMatchObject([{ error: 'CLOSED', message: 'the meeting was closed' }])
    for (const peer of [bob, eve]) peer.hangUp(true)
    world.advance(1_000)
    for (const h of [a, b]) expectNothing(h)
  })

  it('goes away, comes back to its place, and leaves', () => {
    const left: string[] = []
    const logic: MeetingLogic = { leave: (slot, user, reason) => left.push(`${slot} ${user} ${reason}`) }
    const { world, a, b } = meeting({}, {}, logic)
    const near = client(a, 'ann')
    join(world, near, { spectator: true })
    const bob = client(b, 'bob')
    const first = join(world, bob)
    bob.input(first.log, 1)
    world.advance(200)
    bob.hangUp()
    world.advance(300)
    expect(a.node.meeting('m')?.members).toMatchObject([{ slot: 0, away: true }])
    const back = again(world, b, 'bob', bob)
    const { next = 0 } = back.follower.join('m')
    const second = join(world, back, { world: first.world, next })
    expect(second).toMatchObject({ slot: 0, seq: 1, recovered: true, log: first.log })
    back.input(second.log, 2)
    world.advance(200)
    expect(inputsOf([...bob.heard, ...back.heard])).toEqual(['0 1 i1', '0 2 i2'])
    back.send({ type: 'leave', call: back.call(), log: second.log })
    world.advance(200)
    expect(eventsOf(near.heard)).toEqual(['join 0', 'away 0', 'back 0', 'leave 0'])
    expect(left).toEqual(['0 bob left'])
  })

  it('that does not come back loses its place after the usual time', () => {
    const { world, a, b } = meeting()
    join(world, client(a, 'ann'))
    const bob = client(b, 'bob')
    join(world, bob)
    bob.hangUp()
    world.advance(59_000)
    expect(a.node.meeting('m')?.members).toHaveLength(2)
    world.advance(2_000)
    expect(a.node.meeting('m')?.members).toHaveLength(1)
  })

  it('may not be in more meetings than a session may, nor in any that its ticket does not name', () => {
    const { world, b } = meeting({}, { meetingsPerSession: 0 })
    expect(tryJoin(world, client(b, 'bob'))).toMatch('LIMIT')
    b.application.grants.set('eve', grant('eve', { meetings: [] }))
    expect(tryJoin(world, client(b, 'eve'))).toMatch('FORBIDDEN')
  })
})

describe('When nodes cannot talk to each other', () => {
  it('for a moment, or lose messages, a member notices nothing but lateness', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { world, a, b } = meeting({ inputBurst: 200 }, { linkBytes: 8_000, linkWindow: 4_000 })
      const random = new Random(seed)
      const [ann, bob] = [client(a, 'ann'), client(b, 'bob')]
      const [one, two] = [join(world, ann), join(world, bob)]
      world.isLost = () => random.chance(0.2)
      let [x, y] = [0, 0]
      for (let step = 0; step < 60; step++) {
        if (random.chance(0.6)) ann.input(one.log, ++x, text(`a${x}`))
        if (random.chance(0.8)) bob.input(two.log, ++y, text(`b${y}`))
        if (random.chance(0.05)) world.bus.cut(b.node.incarnation)
        else if (random.chance(0.3)) world.bus.restore(b.node.incarnation)
        world.advance(random.int(1, 100))
        for (const [peer, { log: number }] of [
          [ann, one],
          [bob, two],
        ] as const)
          acknowledge(peer, number)
      }
      world.isLost = () => false
      world.bus.restore(b.node.incarnation)
      world.advance(5_000)
      // Empty frames of a quiet meeting come together, at times of its own to each.
      ann.input(one.log, ++x, text(`a${x}`))
      world.advance(200)
      const of = (slot: number, peer: Peer): string[] =>
        inputsOf(peer.heard).filter((each) => each.startsWith(`${slot} `))
      expect([...of(0, ann), ...of(1, ann)], `seed ${seed}`).toEqual([...upTo(x, 0, 'a'), ...upTo(y, 1, 'b')])
      expect(framesOf(bob.heard), `seed ${seed}`).toEqual(framesOf(ann.heard))
      expect([...nacksOf(ann), ...nacksOf(bob)]).toEqual([])
      expect(eventsOf(ann.heard)).toEqual(['join 0', 'join 1'])
    }
  })

  /** A member says that it has all frames that have come. */
  function acknowledge(peer: Peer, log: number): void {
    const frame = framesOf(peer.heard).at(-1)?.number ?? 0
    peer.send({ type: 'ack', bytes: 0, received: 0, seen: [{ log, frame }] })
  }

  /**
   * Keeps two nodes apart until what one has to say is more than a link holds. A member goes on meanwhile: returns the
   * seq of its last input.
   */
  function breakLink(world: World, ann: Peer, bob: Peer, log: number, from: number): number {
    const [a, b] = world.nodes as [Harness, Harness]
    world.bus.cut(b.node.incarnation)
    for (let n = 0; n < 8; n++) a.node.sendTo('m', 1, bytes(1_000))
    let seq = from
    for (let n = 0; n < 40; n++) bob.input(log, ++seq, text(`b${seq}`))
    // At least half of the members have to be there.
    for (let seconds = 0; seconds < 3; seconds++) {
      world.advance(1_000)
      acknowledge(ann, ann.all('joined')[0]?.log ?? 0)
    }
    expect([a.node.stats.strangers, b.node.stats.strangers]).toEqual([0, 0])
    world.bus.restore(b.node.incarnation)
    return seq
  }

  it('for so long that the link breaks, no input is lost or doubled', () => {
    const { world, a, b } = meeting({ inputBurst: 200 }, { linkBytes: 4_000, linkWindow: 2_000 })
    const [ann, bob] = [client(a, 'ann'), client(b, 'bob')]
    const { log } = [join(world, ann), join(world, bob)][1] as Joined
    bob.input(log, 1, text('b1'))
    world.advance(100)
    let last = breakLink(world, ann, bob, log, 1)
    world.advance(3_000)
    expect(eventsOf(ann.heard)).toEqual(['join 0', 'join 1', 'away 1', 'back 1'])
    last = breakLink(world, ann, bob, log, last)
    world.advance(3_100)
    expect(inputsOf(ann.heard)).toEqual(upTo(last, 1, 'b'))
    expect(framesOf(bob.heard)).toEqual(framesOf(ann.heard))
    expect(nacksOf(bob)).toEqual([])
    bob.hangUp(true)
    ann.hangUp(true)
    world.advance(10_000)
    a.node.closeMeeting('m', a.now)
    world.settle()
    for (const h of [a, b]) expectNothing(h)
  })

  for (const [what, kinds] of [
    ['a later input of the member is seen in a frame', [LINK]],
    ['no frame comes either', [LINK, MESH]],
  ] as const)
    it(`and a refusal is lost with the link while ${what}, the member is told that it is not known`, () => {
      const logic: MeetingLogic = {
        input: (_slot, _user, data) => (textOf(data) === 'no' ? new RtmsError('FORBIDDEN') : data),
      }
      const { world, a, b } = meeting({}, { linkBytes: 4_000, linkWindow: 2_000 }, logic)
      const bob = client(b, 'bob')
      const { log } = join(world, bob)
      bob.input(log, 1, text('b1'))
      world.advance(100)
      for (const [seq, word] of ['no', 'no', 'b4', 'no'].entries()) bob.input(log, seq + 2, text(word))
      // They arrive, and nothing that the owner sends does.
      b.settle()
      world.bus.deliver()
      for (const kind of kinds) world.lostKinds.add(kind)
      world.advance(100)
      expect(inputsOf(bob.heard)).toEqual(kinds.length === 1 ? ['0 1 b1', '0 4 b4'] : ['0 1 b1'])
      for (let n = 0; n < 4; n++) a.node.sendTo('m', 0, bytes(1_000))
      world.advance(100)
      world.lostKinds.clear()
      world.advance(3_000)
      expect(a.node.stats.linksBroken).toBe(1)
      expect(inputsOf(bob.heard)).toEqual(['0 1 b1', '0 4 b4'])
      expect(nacksOf(bob)).toEqual(['2 UNKNOWN 0', '3 UNKNOWN 0', '5 UNKNOWN 0'])
    })

  it('and a member leaves or goes away meanwhile, the owner learns it afterwards', () => {
    const { world, a, b } = meeting({ inputBurst: 200 }, { linkBytes: 4_000, linkWindow: 2_000 })
    const ann = client(a, 'ann')
    join(world, ann)
    const [bob, eve, dan] = ['bob', 'eve', 'dan'].map((user) => client(b, user)) as [Peer, Peer, Peer]
    const { log } = [join(world, bob), join(world, eve), join(world, dan)][0] as Joined
    world.bus.cut(b.node.incarnation)
    eve.hangUp(true)
    dan.hangUp()
    breakLink(world, ann, bob, log, 0)
    world.advance(1_000)
    expect(a.node.meeting('m')?.members).toMatchObject([
      { user: 'ann' },
      { user: 'bob', away: false },
      { user: 'dan', away: true },
    ])
    expect(inputsOf(ann.heard)).toEqual(upTo(40, 1, 'b'))
  })

  it('and the owner kicks a member meanwhile, the member learns it afterwards', () => {
    const { world, a, b } = meeting({ inputBurst: 200 }, { linkBytes: 4_000, linkWindow: 2_000 })
    const [bob, eve] = [client(b, 'bob'), client(b, 'eve')]
    const { log } = [join(world, bob), join(world, eve)][0] as Joined
    world.bus.cut(b.node.incarnation)
    a.node.kick('m', 0, 'out')
    breakLink(world, eve, bob, log, 0)
    world.advance(1_000)
    expect(bob.all('ended')).toHaveLength(1)
    expect(a.node.meeting('m')?.members).toMatchObject([{ user: 'eve' }])
  })

  it('and nobody needs the replica any more meanwhile, the owner keeps nothing of it', () => {
    const { world, a, b } = meeting({ ttlMs: 60_000 }, { linkBytes: 4_000, linkWindow: 2_000 })
    const bob = client(b, 'bob')
    join(world, bob)
    world.cut.add(`${b.node.incarnation} ${a.node.incarnation}`)
    for (let n = 0; n < 8; n++) a.node.sendTo('m', 0, bytes(1_000))
    world.advance(1_000)
    expect(b.node.stats.linksBroken).toBeGreaterThan(0)
    bob.hangUp(true)
    world.advance(10_000)
    expect(b.node.peering?.mesh.size.replicas).toBe(0)
    world.cut.clear()
    world.advance(70_000)
    expect(world.whereIs('m')).toEqual([])
    for (const h of [a, b]) expectNothing(h)
  })

  it('and the meeting is closed and opened anew meanwhile, the owner keeps nothing of the replica of the first', () => {
    const { world, a, b } = meeting({}, { linkBytes: 4_000, linkWindow: 2_000 })
    const bob = client(b, 'bob')
    const { log } = join(world, bob)
    world.lostKinds.add(LINK)
    for (let n = 0; n < 8; n++) a.node.sendTo('m', 0, bytes(1_000))
    world.advance(1_000)
    a.node.closeMeeting('m', a.now)
    world.open(a, 'm', { frameRate: 20, ttlMs: 60_000 })
    world.advance(1_000)
    world.lostKinds.clear()
    world.advance(3_000)
    expect(bob.all('ended')).toMatchObject([{ log, error: 'CLOSED', message: 'the meeting was closed' }])
    expect(world.whereIs('m')).toEqual(['n1'])
    bob.hangUp(true)
    world.advance(65_000)
    expect(world.whereIs('m')).toEqual([])
    for (const h of [a, b]) expectNothing(h)
  })

  it('a JOIN is told after a while that it may be tried again, and a spectator is served from what is here', () => {
    const { world, a, b } = meeting()
    join(world, client(a, 'ann'))
    join(world, client(b, 'eve'), { spectator: true })
    world.advance(200)
    world.bus.cut(b.node.incarnation)
    join(world, client(b, 'dan'), { spectator: true })
    const bob = client(b, 'bob')
    bob.join('m')
    world.advance(4_900)
    expect(bob.take()).toEqual([])
    world.advance(700)
    expect(bob.all('failed')).toMatchObject([{ error: 'BUSY', retryAfter: 1_000 }])
    world.bus.restore(b.node.incarnation)
    world.advance(1_000)
    join(world, bob)
    expect(a.node.meeting('m')?.members.map(({ user }) => user)).toEqual(['ann', 'bob'])
  })
})

describe('A node that owns a meeting beside another owner, whom it gives way to', () => {
  it('keeps one replica, of those who were here with both, and nothing of it in the end', () => {
    const { world, a, b } = meeting({ ttlMs: 1_000 })
    const [ann, bob, eve] = [client(a, 'ann'), client(b, 'bob'), client(b, 'eve')]
    join(world, ann)
    join(world, bob)
    // As after a long silence.
    b.node.openMeeting('m', { frameRate: 20, ttlMs: 1_000 }, b.now)
    join(world, eve)
    const { mesh } = b.node.peering as NonNullable<typeof b.node.peering>
    const claimant = mesh.deposing.claimant('m') as NonNullable<ReturnType<typeof mesh.deposing.claimant>>
    mesh.deposing.depose({ name: 'm', ...claimant }, b.now)
    world.settle()
    expect([bob.closed, eve.closed, mesh.size.replicas]).toEqual([4452, 4452, 1])
    for (const peer of [ann, bob, eve]) peer.hangUp(true)
    world.advance(70_000)
    expect(world.whereIs('m')).toEqual([])
    for (const h of [a, b]) expectNothing(h)
  })
})

describe('When a node ends', () => {
  it('since it was named as the owner, a JOIN is told at once that it may be tried again', () => {
    const { world, a, b } = meeting()
    const bob = client(b, 'bob')
    const { mesh } = b.node.peering as NonNullable<typeof b.node.peering>
    vi.spyOn(mesh, 'ownerOf').mockReturnValueOnce(4_711)
    expect(tryJoin(world, bob)).toMatch(/^BUSY: the node that has this meeting does not answer/)
    expect(mesh.size.replicas).toBe(0)
    expect([join(world, bob).slot, a.node.meeting('m')?.members.length]).toEqual([0, 1])
  })

  it('its members of a meeting elsewhere are away, and leave after the usual time', () => {
    const { world, a, b } = meeting()
    const ann = client(a, 'ann')
    join(world, ann)
    join(world, client(b, 'bob'))
    world.kill(b, true)
    world.advance(100)
    expect(a.node.meeting('m')?.members).toMatchObject([{ away: false }, { slot: 1, away: true }])
    world.advance(61_000)
    expect(a.node.meeting('m')?.members).toHaveLength(1)
    expect(eventsOf(ann.heard)).toEqual(['join 0', 'join 1', 'away 1'])
    expect(a.node.peering?.mesh.size.hosted).toEqual({ replicas: 0, members: 0 })
  })

  it('who was in one of its meetings on another node is told to connect again, and joins anew; a spectator once the meeting is another', () => {
    const { world, a, b } = meeting()
    const [bob, eve] = [client(b, 'bob'), client(b, 'eve')]
    const { log } = join(world, bob)
    bob.input(log, 1)
    join(world, eve, { spectator: true })
    world.advance(200)
    world.kill(a, true)
    expect([bob.closed, eve.closed]).toEqual([4452, null])
    // These promise nothing, so the meeting becomes another world, with the frames that there were.
    const back = again(world, b, 'bob', bob)
    const call = back.join('m')
    world.advance(4_000)
    const joined = back.heard.find((each) => each.type === 'joined')
    expect(joined).toMatchObject({ call, slot: 0, reason: '' })
    expect(eve.closed).toBe(4452)
    expect(inputsOf(back.heard)).toEqual(['0 1 i1'])
    expect(b.node.peering?.mesh.size.replicas).toBe(0)
  })
})

describe('A member that comes to the owner from another node', () => {
  it('takes its own place, before its loss was noticed there, and misses no frame', () => {
    const { world, a, b } = meeting()
    const ann = client(a, 'ann')
    join(world, ann)
    const far = client(b, 'bob')
    const first = join(world, far)
    for (let seq = 1; seq <= 5; seq++) {
      far.input(first.log, seq, text(`b${seq}`))
      world.advance(30)
    }
    const near = again(world, a, 'bob', far)
    const place = near.follower.join('m')
    const { next = 0 } = place
    const second = join(world, near, place)
    expect(second).toMatchObject({ slot: first.slot, seq: 5, recovered: true, next })
    for (let seq = 6; seq <= 8; seq++) near.input(second.log, seq, text(`b${seq}`))
    far.hangUp()
    world.advance(200)
    expect(
      framesOf([...far.heard.filter((each) => each.type === 'frames' && each.first < next), ...near.heard]),
    ).toEqual(framesOf(ann.heard))
    expect(inputsOf(ann.heard)).toEqual(upTo(8, 1, 'b'))
    // Its session was handed over, and with that the loss was noticed.
    expect(eventsOf(ann.heard)).toEqual(['join 0', 'join 1', 'away 1', 'back 1'])
    expect(b.node.peering?.mesh.size.members).toBe(0)
  })

  it('or from the owner to another node, though it is ahead of what is known there', () => {
    const { world, a, b } = meeting()
    const eve = client(b, 'eve')
    join(world, eve, { spectator: true })
    const near = client(a, 'bob')
    const first = join(world, near)
    world.advance(230)
    near.input(first.log, 1)
    world.cut.add(`${a.node.incarnation} ${b.node.incarnation}`)
    world.advance(100)
    const far = again(world, b, 'bob', near)
    const place = far.follower.join('m')
    const { next = 0 } = place
    far.join('m', place)
    world.settle()
    expect(far.all('joined')).toEqual([])
    world.cut.clear()
    world.advance(2_000)
    expect(far.all('joined')).toMatchObject([{ recovered: true, next, slot: 0, seq: 1 }])
    expect(framesOf(far.heard)[0]?.number).toBe(next)
    near.hangUp()
    world.advance(300)
    expect(a.node.meeting('m')?.members).toMatchObject([{ slot: 0, user: 'bob', away: false }])
  })
})
