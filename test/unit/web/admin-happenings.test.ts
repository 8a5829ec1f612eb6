import { describe, expect, it } from 'vitest'
import type { ClusterAnswer, ClusterNode, Succession } from '../../../web/src/admin/node/answers.ts'
import { type Happening, Happenings } from '../../../web/src/admin/numbers/happenings.ts'

function node(name: string, parts: Partial<ClusterNode> = {}): ClusterNode {
  const load = {
    connections: 1,
    sessions: 1,
    meetings: 1,
    replicas: 0,
    topics: 0,
    busBytesIn: 0,
    busBytesOut: 0,
  }
  return {
    node: name,
    incarnation: name.charCodeAt(0),
    role: 'core',
    address: '',
    status: 'alive',
    heardMs: 0,
    load,
    draining: false,
    ...parts,
  }
}

const seen = (nodes: readonly ClusterNode[], up = true): ClusterAnswer => ({
  faults: true,
  nodes,
  bus: { up, traffic: [] },
})

const words = (found: readonly Happening[]): string[] =>
  found.map((each) =>
    'node' in each
      ? `${each.node} ${each.type}`
      : `${each.count}: ${each.meeting} ${each.from} ${each.type} ${each.to}`,
  )

const self = node('a', { status: 'self' })
const move = (meeting: string, parts: Partial<Succession> = {}): Succession => ({
  meeting,
  node: 'c',
  from: 'b',
  how: 'handover',
  frame: 7,
  agoMs: 100,
  ...parts,
})

describe('What happens in a cluster', () => {
  it('is what has changed since the answer before: nothing with the first one', () => {
    const happenings = new Happenings()
    const look = (...nodes: ClusterNode[]): string[] => words(happenings.see(seen([self, ...nodes]), 0))
    expect(look(node('b'), node('c'))).toEqual([])
    expect(look(node('b'), node('c'))).toEqual([])
    expect(look(node('b', { status: 'silent' }), node('c', { draining: true }), node('d'))).toEqual([
      'd came',
      'b silent',
      'c drains',
    ])
    const empty = { ...(node('c').load as NonNullable<ClusterNode['load']>), connections: 0, meetings: 0 }
    expect(look(node('b'), node('c', { draining: true, load: empty }), node('d'))).toEqual([
      'b heard',
      'c drained',
    ])
    expect(look(node('b'), node('d'))).toEqual(['c ended'])
    expect(look(node('b'), node('c', { incarnation: 1 }), node('d'))).toEqual(['c again'])
  })

  it('tells of each answer once, and of its own node that it is cut off, and back', () => {
    const happenings = new Happenings()
    const answers = [true, false, true].map((up) => seen([self, node('b')], up))
    const found = answers.flatMap((answer) => [...happenings.see(answer, 0), ...happenings.see(answer, 0)])
    expect(words(found)).toEqual(['a cut', 'a joined'])
  })

  it('takes no node for ended that its own has yet to meet, as it was started anew', () => {
    const happenings = new Happenings()
    const anew = node('a', { status: 'self', incarnation: 5 })
    happenings.see(seen([self, node('b')]), 0)
    expect(words(happenings.see(seen([anew]), 0))).toEqual(['a again'])
    expect(words(happenings.see(seen([anew, node('b')]), 0))).toEqual([])
    expect(happenings.nodes(0).map((each) => each.status)).toEqual(['self', 'alive'])
  })

  it('leaves a node that has ended in the picture for half a minute, or until one of its name comes', () => {
    const happenings = new Happenings()
    happenings.see(seen([self, node('b'), node('c')]), 0)
    happenings.see(seen([self]), 1_000)
    const shown = (now: number): string[] =>
      happenings.nodes(now).map((each) => `${each.node} ${each.status}`)
    expect(shown(1_000)).toEqual(['a self', 'b ended', 'c ended'])
    happenings.see(seen([self, node('b', { incarnation: 9 })]), 2_000)
    expect(shown(2_000)).toEqual(['a self', 'b alive', 'c ended'])
    expect(shown(31_000)).toEqual(['a self', 'b alive'])
  })

  it('tells of a succession once, by names also where the node before has ended', () => {
    const happenings = new Happenings()
    happenings.see(seen([self, node('b')]), 0)
    const all = [move('m'), move('n', { from: '98', how: 'revival' }), move('o', { from: '5', how: 'fork' })]
    expect(words(happenings.succeed(all, 0))).toEqual([
      '1: m b handover c',
      '1: n b revival c',
      '1: o  fork c',
    ])
    expect(happenings.succeed(all, 0)).toEqual([])
    expect(words(happenings.succeed([move('m', { node: 'd' })], 0))).toEqual(['1: m b handover d'])
  })

  it('tells of many that go the same way together', () => {
    const happenings = new Happenings()
    const all = Array.from({ length: 9 }, (_, at) => move(`m${at}`))
    expect(words(happenings.succeed([...all, move('x', { how: 'fork' })], 0))).toEqual([
      '9: m0 b handover c',
      '1: x b fork c',
    ])
    // Six are seen on their way, for four seconds.
    expect(happenings.flights(0).map(({ meeting }) => meeting)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5'])
    expect(happenings.flights(3_999)).toHaveLength(6)
    expect(happenings.flights(4_000)).toEqual([])
    // What is an old story is only told.
    happenings.succeed([move('y', { agoMs: 4_000 })], 5_000)
    expect(happenings.flights(5_000)).toEqual([])
  })
})
