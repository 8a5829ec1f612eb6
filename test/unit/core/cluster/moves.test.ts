import { describe, expect, it } from 'vitest'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import { RtmsError } from '../../../../src/protocol/index.ts'
import { type Harness, text, textOf } from '../harness.ts'
import { rest, roam, Roamer } from './roamer.ts'
import { settled, type World } from './world.ts'

/** Nodes, each with a meeting of its own: m1 on n1 and so on. Inputs that begin with `bad` are refused. */
function meetings(
  count: number,
  parts: { moves?: 'members' | 'all' | null; limits?: object; frameRate?: number } = {},
) {
  const { moves = 'members', limits = {}, frameRate = 20 } = parts
  const world = settled(count, limits, moves ?? undefined)
  const logic: MeetingLogic = {
    input: (_slot, _user, data) => (textOf(data).startsWith('bad') ? new RtmsError('FORBIDDEN') : data),
  }
  world.nodes.forEach((h, at) =>
    world.open(h, `m${at + 1}`, { frameRate, inputsPerSecond: 1_000, inputBurst: 1_000 }, logic),
  )
  world.settle()
  for (const h of world.nodes) world.answers(h)
  return { world, nodes: world.nodes as [Harness, Harness, Harness] }
}

const movesOf = ({ node }: Harness): Record<string, number> => Object.fromEntries(node.stats.moves)

const asked = (world: World): number =>
  world.nodes.reduce((sum, { node }) => sum + (node.stats.moves.get('asked') ?? 0), 0)

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n)

const orderOf = (name: string): number => Number(name.slice(1))

/** That a client has had every frame of a meeting once, and every input of its own that was not refused once. */
function expectWhole(client: Roamer, meeting: string): void {
  const frames = client.frames.get(meeting) ?? []
  expect(frames).toEqual(numbers(frames[0] ?? 1, frames.at(-1) ?? 0))
  expect(client.gaps).toEqual([])
  const own = client.inputs.filter((name) => client.ends.has(name))
  const good = [...client.ends.keys()]
    .filter((name) => name.startsWith('i'))
    .sort((x, y) => orderOf(x) - orderOf(y))
  expect(own).toEqual(good)
  expect(good.map((name) => typeof client.ends.get(name))).toEqual(good.map(() => 'number'))
}

describe('A member on another node than its meeting', () => {
  it('is moved within seconds: no frame, input or publication is lost or doubled', () => {
    const { world, nodes } = meetings(2)
    const [a, b] = nodes
    const near = new Roamer(world, 'ann', a)
    const far = new Roamer(world, 'bob', b)
    near.join('m1')
    far.join('m1')
    far.read('t')
    let count = 0
    roam(world, [near, far], 4_000, (at) => {
      if (at > 200 && at % 20 === 0) far.input('m1', count % 7 === 6 ? `bad${count++}` : `i${count++}`)
      if (at > 200 && at % 50 === 0) a.publish('t', `p${at}`)
    })
    roam(world, [near, far], 500)
    expect(far.nodes).toEqual(['n2', 'n1'])
    expect(far.phases).toEqual(['ticket', 'opening', 'greeting', 'live', 'greeting', 'live'])
    expectWhole(far, 'm1')
    expect(far.ends.size).toBe(count)
    expect(near.inputs).toEqual(far.inputs)
    const bad = [...far.ends].filter(([name]) => name.startsWith('bad'))
    expect(bad.filter(([, end]) => end !== 'FORBIDDEN').length).toBeLessThanOrEqual(1)
    expect(far.heard).toEqual(numbers(5, 79).map((n) => `p${n * 50}`))
    expect([movesOf(b), movesOf(a)]).toEqual([{ asked: 1 }, { arrived: 1 }])
    expect(a.node.meeting('m1')?.members).toMatchObject([
      { user: 'ann', away: false },
      { user: 'bob', away: false },
    ])
  })

  it('stays where it is as long as it waits for an answer that only this node has, and then moves', () => {
    const { world, nodes } = meetings(2)
    const [a, b] = nodes
    const far = new Roamer(world, 'bob', b)
    far.join('m1')
    roam(world, [far], 800)
    far.request('r1')
    roam(world, [far], 1_700)
    expect([asked(world), far.nodes]).toEqual([1, ['n2']])
    const [call] = b.application.requests
    if (call === undefined) throw new Error('no request')
    b.node.handleReply(call, { ok: true, value: text('done') }, world.now)
    far.request('r2')
    roam(world, [far], 200)
    expect([far.ends.get('r1'), far.nodes]).toEqual([1, ['n2']])
    const [, second] = b.application.requests
    if (second === undefined) throw new Error('no second request')
    b.node.handleReply(second, { ok: true, value: text('done') }, world.now)
    roam(world, [far], 200)
    expect([far.ends.get('r2'), far.nodes]).toEqual([1, ['n2', 'n1']])
    expect(movesOf(a)).toEqual({})
    roam(world, [far], 3_000)
    expect(movesOf(a)).toEqual({ arrived: 1 })
  })

  it('is left alone where the operator wants it so', () => {
    const { world, nodes } = meetings(2, { moves: null })
    const far = new Roamer(world, 'bob', nodes[1])
    far.join('m1')
    roam(world, [far], 5_000)
    expect([asked(world), far.nodes]).toEqual([0, ['n2']])
  })

  it('is asked five times, more and more rarely, where it cannot reach the other node, and is served meanwhile', () => {
    const { world, nodes } = meetings(2, { frameRate: 1 })
    const far = new Roamer(world, 'bob', nodes[1])
    far.leads = (named) => (named === nodes[0] ? null : named)
    far.join('m1')
    const at: number[] = []
    const begun = world.now
    for (let n = 0; n < 1_000; n++) {
      const before = asked(world)
      rest(world, [far], 1_000)
      if (asked(world) > before) at.push(world.now - begun)
    }
    expect(at).toHaveLength(5)
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0))
    gaps.forEach((gap, index) => {
      expect(gap).toBeGreaterThanOrEqual(20_000 * 2 ** index - 1_000)
      expect(gap).toBeLessThanOrEqual(40_000 * 2 ** index + 1_000)
    })
    expect(far.phases.slice(3)).toEqual(['live'])
    expectWhole(far, 'm1')
  })

  it.each([
    ['to where it was', 2],
    ['to a third node', 3],
  ])(
    'and is led astray, %s, is moved a few times a minute, and no more after five',
    (_, wrong) => {
      const { world, nodes } = meetings(3, { frameRate: 1 })
      const far = new Roamer(world, 'bob', nodes[1])
      far.leads = (named) => (named === nodes[0] ? nodes[wrong - 1] : named)
      far.join('m1')
      rest(world, [far], 60_000)
      expect(asked(world)).toBeGreaterThanOrEqual(1)
      expect(asked(world)).toBeLessThanOrEqual(3)
      rest(world, [far], 1_000_000)
      expect(asked(world)).toBe(5)
      expect(movesOf(nodes[wrong - 1] as Harness).wrong).toBe(5)
      expectWhole(far, 'm1')
    },
    60_000,
  )
})

describe('Who is moved', () => {
  it('are members, and spectators only where the operator wants it', () => {
    for (const moves of ['members', 'all'] as const) {
      const { world, nodes } = meetings(2, { moves })
      const far = new Roamer(world, 'eve', nodes[1])
      far.join('m1', true)
      roam(world, [far], 4_000)
      expect(far.nodes).toEqual(moves === 'all' ? ['n2', 'n1'] : ['n2'])
    }
  })

  it('go where most of their meetings are, and who has one on each of two nodes does not bounce', () => {
    const { world, nodes } = meetings(3)
    const two = new Roamer(world, 'bob', nodes[1])
    two.join('m1')
    two.join('m3')
    rest(world, [two], 60_000)
    expect(two.nodes).toEqual(['n2', 'n1'])
    two.join('m2')
    rest(world, [two], 60_000)
    expect(two.nodes).toEqual(['n2', 'n1'])
    world.open(nodes[2], 'm4', { frameRate: 20 })
    roam(world, [two], 100)
    two.join('m4')
    rest(world, [two], 60_000)
    expect(two.nodes).toEqual(['n2', 'n1', 'n3'])
    for (const name of ['m1', 'm2', 'm3', 'm4']) expectWhole(two, name)
  })

  it('are asked at a bounded pace', () => {
    const { world, nodes } = meetings(2, { limits: { movesPerSecond: 10 } })
    const all = Array.from({ length: 50 }, (_, n) => new Roamer(world, `u${n}`, nodes[1]))
    for (const client of all) client.join('m1')
    const counts: number[] = []
    for (let second = 0; second < 12; second++) {
      roam(world, all, 1_000)
      counts.push(asked(world))
    }
    counts.forEach((count, second) => expect(count - (counts[second - 1] ?? 0)).toBeLessThanOrEqual(20))
    expect(counts.at(-1)).toBe(50)
    expect(movesOf(nodes[0]).arrived).toBe(50)
  })
})

describe('An input', () => {
  const befalls: Readonly<Record<string, (world: World, nodes: readonly Harness[], far: Roamer) => void>> = {
    'its client moves': (_world, nodes, far) => {
      nodes[1]?.node.peering?.moves.ask(far.session, nodes[0]?.node.incarnation ?? 0)
    },
    'its connection is lost': (_world, _nodes, far) => far.cut(),
    'its connection is lost, and the node does not notice': (_world, _nodes, far) => far.cut(true),
    'its client comes to the other node': (_world, nodes, far) => {
      far.leads = () => nodes[0]
      far.cut(true)
    },
    'its client comes to a third node': (_world, nodes, far) => {
      far.leads = () => nodes[2]
      far.cut(true)
    },
    'its node is killed': (world, nodes, far) => {
      far.leads = () => nodes[2]
      world.kill(nodes[1] as Harness, true)
    },
    'the link between the nodes breaks': (world, nodes) => {
      const way = `${nodes[1]?.node.incarnation} ${nodes[0]?.node.incarnation}`
      world.cut.add(way)
    },
  }

  for (const [what, befall] of Object.entries(befalls))
    it(`is in one frame, or was refused, when ${what}, whatever has become of it by then`, () => {
      for (let offset = 0; offset < 60; offset += 15) {
        const { world, nodes } = meetings(3, { moves: null })
        const near = new Roamer(world, 'ann', nodes[0])
        const far = new Roamer(world, 'bob', nodes[1])
        near.join('m1')
        far.join('m1')
        let count = 0
        roam(world, [near, far], 3_000, (at) => {
          if (at >= 200 && at < 2_500 && at % 10 === 0)
            far.input('m1', count % 5 === 4 ? `bad${count++}` : `i${count++}`)
          if (at === 1_000 + offset) befall(world, nodes, far)
          if (at === 1_500 + offset) world.cut.clear()
        })
        roam(world, [near, far], 3_000)
        expect(far.ends.size).toBe(count)
        expectWhole(far, 'm1')
        expect(near.inputs).toEqual(far.inputs)
        const bad = new Set([...far.ends].flatMap(([name, end]) => (name.startsWith('bad') ? [end] : [])))
        for (const end of bad) expect(['FORBIDDEN', 'UNKNOWN']).toContain(end)
        expect(nodes[0].node.meeting('m1')?.members).toHaveLength(2)
      }
    })
})
