import { describe, expect, it } from 'vitest'
import { type Harness, text } from '../harness.ts'
import { roam, Roamer } from './roamer.ts'
import { settled } from './world.ts'

describe('A connection of a node that drains', () => {
  it('is closed once its request is answered, the answer first, though the step comes before the flush', () => {
    const [a] = settled(2, { drainMoveMs: 1_500 }).nodes as [Harness, Harness]
    const peer = a.connect('ann')
    peer.send({ type: 'request', call: 1, method: 'slow', timeout: 0, data: text('x') })
    a.settle()
    const [request] = a.application.requests
    if (request === undefined) throw new Error('not asked')
    a.node.drain(a.now, a.now + 10_000)
    a.advance(1_000)
    expect(peer.closed).toBeNull()
    // The answer and the next step come in one sweep, as on a busy node.
    a.stall(a.limits.drainBeatMs ?? 100)
    a.node.handleReply(request, { ok: true, value: text('yes') }, a.now)
    a.advance(1_000)
    expect(peer.take().map(({ type }) => type)).toEqual(['reply', 'move'])
    expect(peer.closed).toBeNull()
    // It does not move.
    a.advance(3_000)
    expect(peer.take().map(({ type }) => type)).toEqual(['move', 'goodbye'])
    expect(peer.closed).toBe(4454)
  })
})

describe('The clients of a node that drains', () => {
  it('all move, and none is cut off, where each step takes them more than a second', () => {
    const world = settled(3)
    const [a] = world.nodes as [Harness]
    for (let n = 0; n < 5; n++) world.open(a, `m${n}`, { frameRate: 20 })
    world.settle()
    const clients = Array.from({ length: 30 }, (_, n) => new Roamer(world, `u${n}`, a))
    for (const [at, client] of clients.entries()) if (at < 10) client.join(`m${at % 5}`)
    roam(world, clients, 500)
    a.node.drain(world.now, world.now + 25_000)
    roam(world, clients, 24_000, () => {}, 1_600)
    expect([a.node.draining.state, a.node.connections]).toEqual(['drained', 0])
    expect(a.node.stats.connectionsLost.get('DRAINING')).toBeUndefined()
    expect(clients.map(({ resumes }) => resumes)).toEqual(clients.map(() => [true]))
    expect(clients.flatMap(({ gaps }) => gaps)).toEqual([])
  })
})

describe('A node that was started anew', () => {
  it('gets its share of the clients that are in no meeting; the others stay with their meetings', () => {
    const world = settled(2, { movesPerSecond: 20, balanceLeast: 2 }, 'members')
    const [a, b] = world.nodes as [Harness, Harness]
    world.open(a, 'm', { frameRate: 20 })
    world.settle()
    const clients = Array.from({ length: 60 }, (_, n) => new Roamer(world, `u${n}`, n < 30 ? a : b))
    for (const client of clients.slice(0, 4)) client.join('m')
    roam(world, clients, 500)
    const c = world.start()
    roam(world, clients, 12_000, () => {}, 100)
    const held = world.nodes.map(({ node }) => node.connections)
    expect(held.reduce((sum, count) => sum + count)).toBe(60)
    for (const count of held) expect(Math.abs(count - 20)).toBeLessThanOrEqual(4)
    expect(c.node.stats.sessionsTaken).toBe(c.node.connections)
    expect(a.node.meeting('m')?.members.length).toBe(4)
    expect(clients.slice(0, 4).every(({ nodes }) => nodes.length === 1)).toBe(true)
    expect(clients.every(({ resumes }) => resumes.every(Boolean) && resumes.length <= 1)).toBe(true)
    const asked = world.nodes.map(({ node }) => node.stats.moves.get('asked') ?? 0)
    roam(world, clients, 3_000, () => {}, 100)
    expect(world.nodes.map(({ node }) => node.stats.moves.get('asked') ?? 0)).toEqual(asked)
  })
})
