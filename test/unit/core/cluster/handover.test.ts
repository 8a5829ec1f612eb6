import { describe, expect, it } from 'vitest'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import type { MessageOf, ServerMessage } from '../../../../src/protocol/index.ts'
import { LINK } from '../../../../src/core/cluster/links.ts'
import { MESH } from '../../../../src/core/cluster/datagrams.ts'
import { Writer } from '../../../../src/protocol/bytes.ts'
import { Giving } from '../../../../src/core/cluster/giving.ts'
import { Intake } from '../../../../src/core/meeting/intake.ts'
import { Random } from '../../../../src/testing/index.ts'
import { replace } from '../../../simulation/plant.ts'
import { framesOf, type Harness, type Peer, text, textOf } from '../harness.ts'
import { Roamer, roam } from './roamer.ts'
import { settled, type World } from './world.ts'

type Joined = MessageOf<'joined'>

function meeting(
  count: number,
  options: Parameters<World['open']>[2] = {},
  logic: MeetingLogic | null = null,
  nameIn: (world: World) => string = () => 'm',
) {
  const world = settled(count)
  const [a] = world.nodes as [Harness]
  world.open(a, nameIn(world), { frameRate: 20, inputsPerSecond: 1_000, ...options }, logic)
  world.settle()
  world.answers(a)
  return { world, nodes: world.nodes as [Harness, Harness, Harness] }
}

const client = (h: Harness, user: string): Peer => h.connect(user, { window: 0 })

function join(world: World, peer: Peer, parts: Partial<MessageOf<'join'>> = {}): Joined {
  const from = peer.heard.length
  const call = peer.join('m', parts)
  world.settle()
  const answer = peer.heard.slice(from).find((each) => 'call' in each && each.call === call)
  if (answer?.type !== 'joined') throw new Error(JSON.stringify(answer))
  return answer
}

/** What a reader has of each frame, by number; fails where one is there twice or is missing. */
function contentsOf(messages: readonly ServerMessage[]): string[] {
  const frames = framesOf(messages)
  frames.forEach(({ number }, at) => expect(number).toBe((frames[0]?.number ?? 0) + at))
  return frames.map(({ number, events, inputs }) =>
    [
      number,
      ...events.map((e) => ('slot' in e ? `${e.type} ${e.slot}` : e.type)),
      ...inputs.map(({ slot, seq, data }) => `${slot}:${seq}:${textOf(data)}`),
    ].join(' '),
  )
}

/** Its meetings go to other nodes; its connections stay. */
function handOver(world: World, h: Harness): void {
  h.node.peering?.mesh.handover.begin(world.now)
}

const textsOf = (peer: Peer): string[] =>
  framesOf(peer.heard).flatMap(({ inputs }) => inputs.map(({ data }) => textOf(data)))

const membersOf = ({ node }: Harness): string[] =>
  node.meeting('m')?.members.map(({ user, away }) => `${user}${away ? ' away' : ''}`) ?? []

/** From the nth message on that is sent from now on, none to and from a node arrives. */
function cutAfter(world: World, count: number, victim: Harness): void {
  const { incarnation } = victim.node
  let sent = 0
  world.isLost = () => {
    if (sent++ !== count) return false
    for (const { node } of world.nodes) {
      world.cut.add(`${incarnation} ${node.incarnation}`)
      world.cut.add(`${node.incarnation} ${incarnation}`)
    }
    return true
  }
}

/** Each is told by a packet of a later epoch, as from the other. */
function breakLinkOf(one: Harness, other: Harness): void {
  const w = new Writer()
  for (const part of [LINK, 2, 1, 2, 1]) w.uint(part)
  one.node.inlet.sent(w.finish(), other.node.incarnation, one.now)
}

describe('A meeting whose node drains', () => {
  it('goes on on another node, with the next frame when it is due, and nobody notices', () => {
    const { world, nodes } = meeting(3)
    const [a, b, c] = nodes
    const players = [client(a, 'ann'), client(b, 'bob'), client(c, 'cid')]
    const joined = players.map((player) => join(world, player))
    const reader = client(c, 'eve')
    join(world, reader, { spectator: true })
    world.advance(500)
    for (let seq = 1; seq <= 40; seq++) {
      if (seq === 10) handOver(world, a)
      players.forEach((player, at) => player.input(joined[at]?.log ?? 0, seq, text(`${at}.${seq}`)))
      world.advance(23)
    }
    world.advance(200)
    expect(world.whereIs('m')).toEqual(['n3'])
    const all = [...players, reader].map((player) => contentsOf(player.heard))
    for (const one of all) expect(one.slice(-40)).toEqual(all[0]?.slice(-40))
    const inputs = textsOf(players[0] as Peer)
    expect([inputs.length, new Set(inputs).size]).toEqual([120, 120])
    expect(all[0]?.filter((frame) => frame.includes('owner'))).toHaveLength(1)
    expect(all[0]?.some((frame) => /resume|slip|away|back|leave/.test(frame))).toBe(false)
    expect(membersOf(c)).toEqual(['ann', 'bob', 'cid'])
    // Frames go on at 20 a second from the first one.
    expect(c.node.meeting('m')?.frame).toBe(Math.floor((world.now - 14_000) / 50))
    expect([a.node.stats.handoversGiven, c.node.stats.handoversTaken]).toEqual([1, 1])
    const { incarnation: from } = a.node
    const [succession] = c.node.peering?.mesh.successions.told(60_000, world.now) ?? []
    expect(succession).toMatchObject({ meeting: 'm', from, how: 'handover' })
    const first = all[0]?.find((frame) => frame.includes('owner')) ?? ''
    expect(Number.parseInt(first, 10)).toBe(succession?.frame)
    expect(c.node.peering?.mesh.successions.told(1, world.now)).toEqual([])
  })

  it.each([
    [1, 0],
    [4, 0],
    [4, 3],
    [4, 200],
  ])(
    'seals when the next frame is due, whoever has come since the offer (bus %i ms, drained after %i ms)',
    (hopMs, wait) => {
      const { world, nodes } = meeting(3)
      const [a, b, c] = nodes
      world.hopMs = hopMs
      for (const [at, h] of nodes.entries()) client(h, `user ${at}`).join('m')
      world.advance(60 + wait)
      handOver(world, a)
      const sealed: number[] = []
      let last = 0
      const begun = world.now
      while (world.now < begun + 500) {
        world.advance(1)
        const frame = nodes.reduce((most, { node }) => Math.max(most, node.meeting('m')?.frame ?? 0), 0)
        if (frame > last) sealed.push(world.now)
        last = frame
      }
      expect(world.whereIs('m')).toEqual(['n2'])
      const gaps = sealed.slice(1).map((at, n) => at - (sealed[n] ?? 0))
      expect(Math.max(...gaps)).toBeLessThanOrEqual(50 + 2 * hopMs)
      expect([b, c].map(({ node }) => node.stats.meetingsPaused)).toEqual([0, 0])
    },
  )

  it.each([0, 20])('keeps fence, world, options and configuration (%i frames a second)', (frameRate) => {
    const { world, nodes } = meeting(2, { frameRate, capacity: 7, inputBytes: 99, config: 'v1' })
    const [a, b] = nodes
    const before = join(world, client(a, 'ann'))
    world.advance(300)
    const { metadata, ...info } = a.node.meeting('m') ?? {}
    handOver(world, a)
    world.advance(100)
    expect(b.node.meeting('m')).toMatchObject({
      ...info,
      metadata,
      frame: expect.any(Number),
      stable: expect.any(Number),
    })
    const after = join(world, client(b, 'bob'))
    const { world: epoch, term, incarnation, seed, rate, maxInput } = before
    expect(after).toMatchObject({ world: epoch, term, incarnation, seed, rate, maxInput, slot: 1 })
    expect(() => join(world, client(b, 'cid'), { config: 'v2' })).toThrow('CONFIG_MISMATCH')
  })

  it('moves while nobody is connected, with the members who are away, and ends there when its time is over', () => {
    const { world, nodes } = meeting(2, { ttlMs: 20_000 })
    const [a, b] = nodes
    const player = client(a, 'ann')
    join(world, player)
    world.advance(500)
    a.node.handleClose(player.connection, false, world.now)
    world.advance(500)
    const frame = a.node.meeting('m')?.frame
    handOver(world, a)
    world.advance(1_000)
    expect(b.node.meeting('m')?.frame).toBe(frame)
    expect(membersOf(b)).toEqual(['ann away'])
    const back = client(b, 'ann')
    const joined = join(world, back)
    world.advance(200)
    expect(joined.slot).toBe(0)
    const [first] = contentsOf(back.heard).filter((each) => each.includes('owner'))
    expect(first).toMatch(/owner takeover 0 (resume back 0|back 0 resume)/)
    b.node.handleClose(back.connection, false, world.now)
    world.advance(90_000)
    expect(world.whereIs('m')).toEqual([])
    for (const h of nodes.slice(0, 2)) expect(h.node.cluster?.remembered).toBe(0)
  })

  it('goes from node to node, and back', () => {
    const { world, nodes } = meeting(3)
    const [a, b, c] = nodes
    const players = [client(a, 'ann'), client(b, 'bob'), client(c, 'cid')]
    const joined = players.map((player) => join(world, player))
    let seq = 0
    const play = (): void => {
      seq++
      players.forEach((player, at) => player.input(joined[at]?.log ?? 0, seq, text(`${at}.${seq}`)))
      world.advance(31)
    }
    const owners: string[] = []
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 10; n++) play()
      const [id] = world.whereIs('m')
      owners.push(id ?? '')
      const owner = nodes.find(({ node }) => node.id === id) as Harness
      handOver(world, owner)
      for (let n = 0; n < 10; n++) play()
      // It would hand on at once whatever comes to it.
      expect(world.whereIs('m')).toHaveLength(1)
    }
    world.advance(100)
    expect(new Set(owners).size).toBeGreaterThan(1)
    const all = players.map((player) => contentsOf(player.heard))
    for (const one of all) expect(one.slice(-60)).toEqual(all[0]?.slice(-60))
    expect(new Set(textsOf(players[0] as Peer)).size).toBe(3 * seq)
    expect(textsOf(players[0] as Peer)).toHaveLength(3 * seq)
  })

  it('is found where it has gone by every node at once, and its name is nobody else’s', () => {
    const { world, nodes } = meeting(3)
    const [a, b, c] = nodes
    join(world, client(b, 'bob'))
    handOver(world, a)
    for (let ms = 0; ms < 200; ms += 7) {
      for (const h of nodes) h.node.findMeeting({ name: 'm' }, world.now)
      world.open(c, 'm')
      world.advance(7)
      for (const h of nodes) {
        const [owner] = world.whereIs('m')
        for (const answer of world.answers(h)) expect(['n1', 'n2', owner]).toContain(answer)
      }
    }
    world.advance(500)
    expect(world.whereIs('m')).toEqual(['n2'])
    for (const h of nodes) h.node.findMeeting({ name: 'm' }, world.now)
    world.settle()
    for (const h of nodes) expect(world.answers(h)).toEqual(['n2'])
  })

  it.each([0, 1])(
    'moves though members keep more inputs waiting than fit, which are refused (on node %i)',
    (at) => {
      const { world, nodes } = meeting(2, {
        inputBytes: 4_096,
        inputsPerSecond: 1,
        inputBurst: 100,
        frameRate: 4,
      })
      const [a, b] = nodes
      const ann = client(a, 'ann')
      const { log } = join(world, ann)
      const eves = [1, 2].map(() => client(nodes[at] as Harness, 'eve'))
      const logs = eves.map((eve) => join(world, eve).log)
      world.advance(1_000)
      handOver(world, a)
      const sent: string[] = []
      for (let seq = 1; seq <= 80; seq++)
        for (const [n, eve] of eves.entries()) {
          sent.push(`${n}.${seq}`.padEnd(4_000))
          eve.input(logs[n] as number, seq, text(sent.at(-1) as string))
          world.settle()
        }
      for (const seq of [1, 2]) ann.input(log, seq, text(`ann ${seq}`))
      world.advance(8_000)
      expect(world.whereIs('m')).toEqual(['n2'])
      const nacks = eves.flatMap((eve) => eve.all('nack'))
      expect(nacks.every(({ error }) => error === 'BUSY')).toBe(true)
      expect(nacks.length).toBeGreaterThan(50)
      // Whatever was not refused is in a frame, once and in order; whoever has little to say is heard.
      const framed = textsOf(ann)
      expect(framed.filter((each) => each.startsWith('ann'))).toEqual(['ann 1', 'ann 2'])
      expect(framed.length - 2 + nacks.length).toBe(sent.length)
      expect([...new Set(framed)]).toHaveLength(framed.length)
      expect([a.node.inputsWaiting, b.node.inputsWaiting]).toEqual([0, 0])
    },
  )

  it('keeps its name though it goes on to a third node before its registrar has heard of the second', () => {
    const world = settled(4)
    const [a, b, c, registrar] = world.nodes as [Harness, Harness, Harness, Harness]
    const name = world.nameOf(registrar)
    world.open(a, name, { frameRate: 20 })
    world.settle()
    for (const [node, user] of [
      [b, 'ann'],
      [b, 'bob'],
      [c, 'cid'],
    ] as const)
      client(node, user).join(name)
    world.advance(1_000)
    const { incarnation } = registrar.node
    const waysOf = ({ node }: Harness): string[] => [
      `${incarnation} ${node.incarnation}`,
      `${node.incarnation} ${incarnation}`,
    ]
    for (const way of [a, b, c].flatMap(waysOf)) world.cut.add(way)
    const went: string[][] = []
    for (const h of [a, b]) {
      handOver(world, h)
      world.advance(400)
      went.push(world.whereIs(name))
    }
    expect(went).toEqual([['n2'], ['n3']])
    for (const way of waysOf(a)) world.cut.delete(way)
    world.advance(600)
    world.open(registrar, name)
    world.advance(600)
    expect([world.whereIs(name), world.answers(registrar)]).toEqual([['n3'], ['n1']])
    world.cut.clear()
    world.advance(2_000)
    world.open(registrar, name)
    world.settle()
    expect(world.answers(registrar)).toEqual(['n3'])
    expect([a, b, c].map(({ node }) => node.cluster?.holdings.has(name))).toEqual([false, false, true])
  })

  it('keeps its name though the node that it goes to has claimed it, and had no answer', () => {
    const { world, nodes } = meeting(3, {}, null, (w) => w.nameOf(w.nodes[2] as Harness))
    const [a, b, c] = nodes
    const [name = ''] = Array.from(a.node.meetings(), (info) => info.name)
    const way = `${c.node.incarnation} ${b.node.incarnation}`
    world.cut.add(way)
    b.node.claimMeeting({ name }, {}, world.now)
    world.settle()
    c.node.drain(world.now, world.now + 60_000)
    world.advance(500)
    handOver(world, a)
    world.advance(100)
    expect(world.whereIs(name)).toEqual(['n2'])
    world.cut.delete(way)
    world.advance(2_000)
    expect(world.answers(b)).toEqual(['n2'])
    world.leave(a)
    world.advance(2_000)
    for (const h of [b, c]) h.node.findMeeting({ name }, world.now)
    world.settle()
    expect([world.answers(b), world.answers(c)]).toEqual([['n2'], ['n2']])
  })

  it('is taken over by no node that has said goodbye, though its YIELD comes there', () => {
    const { world, nodes } = meeting(2)
    const [a, b] = nodes
    join(world, client(a, 'ann'))
    const { inlet } = b.node
    const sent = inlet.sent.bind(inlet)
    const late: Parameters<typeof sent>[] = []
    inlet.sent = (...packet) => {
      if (a.node.meeting('m') === undefined) late.push(packet)
      else sent(...packet)
    }
    handOver(world, a)
    world.advance(100)
    expect([world.whereIs('m'), late.length > 0]).toEqual([[], true])
    b.node.drain(world.now)
    b.node.leave(world.now)
    for (const packet of late) sent(...packet)
    world.advance(100)
    expect(b.node.meeting('m')).toBeUndefined()
  })

  it('is not opened once more by the node that has just handed it over, also as it drains', () => {
    const { world, nodes } = meeting(2)
    const [a] = nodes
    a.node.drain(world.now, world.now + 25_000)
    while (world.whereIs('m').includes('n1')) world.advance(1)
    world.open(a, 'm')
    world.settle()
    expect(world.answers(a)).toEqual(['n2'])
    world.advance(2_000)
    expect(world.whereIs('m')).toEqual(['n2'])
  })

  it('is found by a name that its first node has made up', () => {
    const world = settled(3)
    const [a, b, c] = world.nodes as [Harness, Harness, Harness]
    const name = a.node.nameMeeting()
    world.open(a, name, { frameRate: 20 })
    world.settle()
    world.answers(a)
    handOver(world, a)
    world.advance(500)
    const [owner] = world.whereIs(name)
    expect(owner).not.toBe('n1')
    for (const user of ['ann', 'bob']) {
      const peer = client(user === 'ann' ? b : c, user)
      peer.join(name)
      world.advance(50)
      expect(peer.all('joined')).toHaveLength(1)
    }
    a.node.findMeeting({ name }, world.now)
    world.settle()
    expect(world.answers(a)).toEqual([owner])
    world.leave(a)
    world.advance(500)
    for (const h of [b, c]) {
      h.node.findMeeting({ name }, world.now)
      world.settle()
      expect(world.answers(h)).toEqual([owner])
    }
  })

  it('takes what the business has of it along, bots included, and calls the hooks there', () => {
    const calls: string[] = []
    const logicOn = (node: string, state = { hits: 0 }): MeetingLogic => ({
      input: (_slot, user, data) => {
        state.hits++
        calls.push(`${node} ${user} ${state.hits}`)
        return data
      },
      snapshot: () => text(JSON.stringify(state)),
      moved: () => void calls.push(`${node} moved`),
      close: () => void calls.push(`${node} close`),
      restore: (had) => {
        Object.assign(state, JSON.parse(had === null ? '{}' : textOf(had)))
        calls.push(`${node} restored ${state.hits}`)
      },
    })
    const { world, nodes } = meeting(2, {}, logicOn('n1'))
    const [a, b] = nodes
    b.application.kinds.set('', () => logicOn('n2'))
    const player = client(a, 'ann')
    const { log } = join(world, player)
    const bot = a.node.addBot('m', 'robot')
    for (let seq = 1; seq <= 3; seq++) player.input(log, seq)
    world.advance(100)
    handOver(world, a)
    world.advance(100)
    player.input(log, 4)
    expect(b.node.bots('m').map(({ user, slot }) => `${user} ${slot}`)).toEqual(['robot 1'])
    expect(b.node.bots('m')[0]?.send(text('beep'))).toBeNull()
    expect(typeof bot === 'object' && bot.send(text('late'))).toBe('CLOSED')
    world.advance(100)
    expect(calls).toEqual(['n1 ann 1', 'n1 ann 2', 'n1 ann 3', 'n1 moved', 'n2 restored 3', 'n2 ann 4'])
    expect(textsOf(player)).toContain('beep')
    b.node.closeMeeting('m', b.now)
    world.settle()
    expect(calls.at(-1)).toBe('n2 close')
    expect(player.all('ended')).toHaveLength(1)
  })

  it.each([
    ['whose kind cannot move', { input: (_slot: number, _user: string, data: never) => data }],
    ['whose snapshot fails', { snapshot: () => null }],
    ['whose state is too large', { snapshot: () => ({ text: false, bytes: new Uint8Array(300_000) }) }],
  ])('stays and goes on where it is: one %s', (_, logic) => {
    const { world, nodes } = meeting(2, {}, logic)
    const [a, b] = nodes
    const player = client(a, 'ann')
    const { log } = join(world, player)
    handOver(world, a)
    world.advance(1_000)
    player.input(log, 1, text('still here'))
    world.advance(100)
    expect(world.whereIs('m')).toEqual(['n1'])
    expect(a.node.draining.progress).toMatchObject({ meetings: 0, staying: 1 })
    expect(textsOf(player)).toEqual(['still here'])
    expect(b.node.stats.handoversTaken).toBe(0)
  })

  it('goes to a node that knows its kind, and waits for one while there is none', () => {
    const world = settled(3)
    const [a, b, c] = world.nodes as [Harness, Harness, Harness]
    const business = { kind: 'k', metadata: { of: 1 }, logic: { snapshot: () => text('s') } }
    a.node.claimMeeting({ name: 'm' }, {}, world.now, business)
    world.settle()
    handOver(world, a)
    world.advance(3_000)
    expect(world.whereIs('m')).toEqual(['n1'])
    expect(a.node.stats.handoversRefused).toBeGreaterThan(2)
    c.application.kinds.set('k', () => ({}))
    world.advance(3_000)
    expect(world.whereIs('m')).toEqual(['n3'])
    expect(c.node.meeting('m')).toMatchObject({ kind: 'k', metadata: { of: 1 } })
    expect(b.node.meeting('m')).toBeUndefined()
  })

  it.each(['leaves', 'is killed'])(
    'does not go to a node that another one has not heard of, and could open it when its node %s',
    (end) => {
      const { world, nodes } = meeting(2)
      const [b, a] = nodes
      // A new node is the emptiest.
      world.open(a, 'full')
      world.advance(600)
      world.start(undefined, false, [a])
      handOver(world, b)
      world.advance(100)
      expect(world.whereIs('m')).toEqual(['n2'])
      if (end === 'leaves') world.leave(b)
      else world.kill(b, true)
      world.answers(a)
      world.open(a, 'm')
      world.advance(100)
      expect(world.answers(a)).toEqual(['n2'])
      expect(world.whereIs('m')).toEqual(['n2'])
    },
  )

  it('waits for a new node until all have heard of it', () => {
    const { world, nodes } = meeting(2)
    const [b, a] = nodes
    a.node.drain(world.now, world.now + 10_000)
    world.settle()
    const c = world.start(undefined, false, [a])
    handOver(world, b)
    world.advance(100)
    expect(world.whereIs('m')).toEqual(['n1'])
    // It is told with the next heartbeat of that one.
    world.advance(600)
    expect(a.node.cluster?.nodes.has(c.node.incarnation)).toBe(true)
    expect(world.whereIs('m')).toEqual(['n3'])
  })

  it('does not go to a node that drains, too', () => {
    const { world, nodes } = meeting(3)
    const [a, b] = nodes
    join(world, client(b, 'bob'))
    b.node.drain(world.now, world.now + 60_000)
    world.settle()
    handOver(world, a)
    world.advance(500)
    expect(world.whereIs('m')).toEqual(['n3'])
  })

  it('is reached by calls for it, whichever node they are sent to', () => {
    const { world, nodes } = meeting(3)
    const [a, b, c] = nodes
    const player = client(b, 'bob')
    join(world, player)
    handOver(world, a)
    world.advance(1_000)
    const answers: unknown[] = []
    const ask = (kind: 'sendTo' | 'meeting' | 'close', question: object): void => {
      // The answer of the registrar may be an old one.
      c.node.peering?.questions.ask(
        [a.node.incarnation],
        kind,
        question as never,
        world.now + 2_000,
        (_, ending) => answers.push(ending.by === 'answer' ? ending.answer : ending.by),
      )
      world.settle()
    }
    ask('sendTo', { name: 'm', slot: 0, data: text('you') })
    ask('meeting', { name: 'm' })
    expect(answers).toEqual([true, expect.objectContaining({ name: 'm' })])
    expect(player.all('direct').map(({ data }) => textOf(data))).toEqual(['you'])
    ask('close', { name: 'm', message: '' })
    expect(answers[2]).toBe(true)
    expect(world.whereIs('m')).toEqual([])
    ask('close', { name: 'm', message: '' })
    expect(answers[3]).toBeNull()
  })
})

describe('A hand-over that is interrupted', () => {
  /** Plays through a hand-over from the first node; `befall` does something right after it has begun. */
  function played(befall: (world: World, nodes: readonly Harness[]) => void, after: (world: World) => void) {
    const { world, nodes } = meeting(3)
    const [a, b, c] = nodes
    const players = [client(a, 'ann'), client(b, 'bob'), client(b, 'cid'), client(c, 'dan')]
    const joined = players.map((player) => join(world, player))
    world.advance(220)
    handOver(world, a)
    befall(world, nodes)
    for (let seq = 1; seq <= 30; seq++) {
      players.forEach((player, at) => player.input(joined[at]?.log ?? 0, seq, text(`${at}.${seq}`)))
      world.advance(29)
      expect(world.whereIs('m').length).toBeLessThanOrEqual(1)
    }
    after(world)
    world.advance(8_000)
    return { world, nodes, players }
  }

  /** All readers have the same frames, as far as they have them. */
  function agree(players: readonly Peer[]): void {
    const known = new Map<string, string>()
    for (const player of players)
      for (const content of contentsOf(player.heard)) {
        const [number = ''] = content.split(' ')
        expect(known.get(number) ?? content).toBe(content)
        known.set(number, content)
      }
  }

  it.each([0.05, 0.3, 0.6])(
    'by the loss of every so manieth message (%d) loses and doubles nothing',
    (share) => {
      const random = new Random(share * 100)
      const { world, players } = played(
        (w) => (w.isLost = () => random.chance(share)),
        (w) => (w.isLost = () => false),
      )
      expect(world.whereIs('m')).toEqual(['n2'])
      agree(players)
      for (const player of players) {
        const texts = textsOf(player)
        expect([texts.length, new Set(texts).size]).toEqual([120, 120])
      }
    },
  )

  /** The link breaks with the YIELD under way, while inputs wait for their frames. */
  function breakLink(): void {
    const world = settled(3, { linkBytes: 20_000 })
    const [a, b, c] = world.nodes as [Harness, Harness, Harness]
    world.open(a, 'm', { frameRate: 20, inputsPerSecond: 1_000, inputsPerFrame: 1 })
    world.settle()
    const players = [client(a, 'ann'), client(b, 'bob'), client(b, 'cid'), client(c, 'dan')]
    const joined = players.map((player) => join(world, player))
    world.advance(200)
    // More than frames take: some wait when it is handed over.
    for (let seq = 1; seq <= 30; seq++)
      players.forEach((player, at) => player.input(joined[at]?.log ?? 0, seq, text(`${at}.${seq}`)))
    world.advance(60)
    world.isLost = () => {
      if (a.node.stats.handoversGiven > 0) world.cut.add(`${a.node.incarnation} ${b.node.incarnation}`)
      return false
    }
    handOver(world, a)
    world.advance(300)
    expect([a.node.stats.handoversGiven, b.node.stats.handoversTaken]).toEqual([1, 0])
    const data = { text: false, bytes: new Uint8Array(15_000) }
    for (const user of ['x', 'y'])
      a.node.peering?.questions.ask(
        [b.node.incarnation],
        'push',
        { user, name: 'n', data },
        world.now + 100,
        () => {},
      )
    world.advance(300)
    expect(a.node.stats.linksBroken).toBe(1)
    expect(world.whereIs('m')).toEqual([])
    world.isLost = () => false
    world.cut.clear()
    world.advance(4_000)
    expect(world.whereIs('m')).toEqual(['n2'])
    agree(players)
    for (const player of players) {
      const texts = textsOf(player)
      expect([texts.length, new Set(texts).size]).toEqual([120, 120])
    }
    expect(membersOf(b)).toEqual(['ann', 'bob', 'cid', 'dan'])
  }

  it('by a link that breaks and then by a crash, with the last frame lost, is in the same world, and no seq is used twice', () => {
    const { world, nodes } = meeting(2)
    const [a, b] = nodes
    const player = new Roamer(world, 'ann', b)
    player.join('m')
    player.leads = () => b
    roam(world, [player], 200)
    ;['1', '2'].forEach((content) => player.input('m', content))
    roam(world, [player], 200)
    const epoch = player.seat('m')?.world
    expect(player.inputs).toEqual(['1', '2'])
    // No frame comes through any more.
    world.lostKinds.add(MESH)
    handOver(world, a)
    roam(world, [player], 100)
    expect([a.node.stats.handoversGiven, b.node.stats.handoversTaken]).toEqual([1, 0])
    breakLinkOf(a, b)
    roam(world, [player], 100)
    world.kill(a, true)
    world.lostKinds.clear()
    player.input('m', '3')
    roam(world, [player], 3_000)
    expect(player.seat('m')?.world).toBe(epoch)
    expect(player.inputs).toEqual(['1', '2', '3'])
  })

  it('by a link that breaks with the YIELD under way goes on once the nodes hear each other', () => {
    breakLink()
  })

  it.each([
    ['the YIELD is not sent again', () => replace(Giving.prototype, 'broken', () => () => {})],
    ['inputs that wait stay behind', () => replace(Intake.prototype, 'restore', () => () => {})],
  ])('shows it where %s', (_, plant) => {
    const remove = plant()
    try {
      expect(breakLink).toThrow()
    } finally {
      remove()
    }
  })

  const steps = Array.from({ length: 20 }, (_, step) => step)

  it.each(steps)('by a cut at message %i goes on afterwards, with one owner and one history', (step) => {
    for (const at of [0, 1]) {
      const { world, players } = played(
        (w, nodes) => cutAfter(w, step, nodes[at] as Harness),
        (w) => {
          w.isLost = () => false
          w.cut.clear()
        },
      )
      expect(world.whereIs('m')).toHaveLength(1)
      agree(players)
      for (const player of players) {
        const texts = textsOf(player)
        expect([texts.length, new Set(texts).size]).toEqual([120, 120])
      }
    }
  })

  it.each(steps)('by a crash at message %i leaves at most one owner, and the name is not lost', (step) => {
    for (const at of [0, 1]) {
      const { world, nodes } = meeting(3)
      const [a, b, c] = nodes
      const victim = nodes[at] as Harness
      const players = [client(a, 'ann'), client(b, 'bob'), client(b, 'cid'), client(c, 'dan')]
      players.forEach((player) => join(world, player))
      world.advance(220)
      handOver(world, a)
      cutAfter(world, step, victim)
      world.advance(150)
      world.isLost = () => false
      world.kill(victim, true)
      // Longer than it waits for its members.
      world.advance(4_000)
      expect(world.whereIs('m').length).toBeLessThanOrEqual(1)
      agree(players)
      // Whoever wants it finds it, or opens it anew.
      const [owner] = world.whereIs('m')
      world.open(c, 'm', { frameRate: 20 })
      world.advance(2_000)
      expect(world.answers(c)).toEqual([owner ?? 'new on n3'])
      const late = client(c, 'eve')
      join(world, late)
      world.advance(600)
      expect(framesOf(late.heard).length).toBeGreaterThan(2)
    }
  })
})
