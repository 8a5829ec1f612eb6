import { describe, expect, it } from 'vitest'
import type { MeetingLogic } from '../../../../src/core/index.ts'
import type { MessageOf, ServerMessage } from '../../../../src/protocol/index.ts'
import { framesOf, type Harness, type Peer, text, textOf } from '../harness.ts'
import { settled, type World } from './world.ts'

type Joined = MessageOf<'joined'>

function meeting(count: number, options: Parameters<World['open']>[2] = {}, logic: MeetingLogic | null = null) {
  const world = settled(count)
  const [a] = world.nodes as [Harness]
  world.open(a, 'm', { frameRate: 20, inputsPerSecond: 1_000, ...options }, logic)
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
    [number, ...events.map((e) => ('slot' in e ? `${e.type} ${e.slot}` : e.type)), ...inputs.map(({ slot, seq, data }) => `${slot}:${seq}:${textOf(data)}`)].join(' '),
  )
}

/** Keeps the draining node's connections: only its meetings go. */
function handOver(world: World, h: Harness): void {
  h.node.peering?.mesh.handover.begin(world.now)
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
    expect(world.answers(a)).toEqual([])
    const all = [...players, reader].map((player) => contentsOf(player.heard))
    for (const one of all) expect(one.slice(-40)).toEqual(all[0]?.slice(-40))
    const inputs = framesOf(players[0]?.heard ?? []).flatMap((frame) => frame.inputs.map(({ data }) => textOf(data)))
    expect(inputs.length).toBe(120)
    expect(new Set(inputs).size).toBe(120)
    expect(all[0]?.filter((frame) => frame.includes('owner'))).toHaveLength(1)
    expect(all[0]?.some((frame) => /resume|slip|away|back|leave/.test(frame))).toBe(false)
    expect(c.node.meeting('m')?.members.map(({ user, away }) => `${user} ${away}`)).toEqual(['ann false', 'bob false', 'cid false'])
    const frame = c.node.meeting('m')?.frame ?? 0
    // Frames go on at 20 a second from the first one.
    expect(frame).toBe(Math.floor((world.now - 14_000) / 50))
  })
})
