import { describe, expect, it } from 'vitest'
import type { Cluster } from '../../../src/core/cluster/cluster.ts'
import { MESH } from '../../../src/core/cluster/datagrams.ts'
import { LINK } from '../../../src/core/cluster/links.ts'
import { CLUSTER, NODES } from '../../../src/core/cluster/messages.ts'
import { Stats } from '../../../src/core/ground/stats.ts'
import { Inlet } from '../../../src/core/inlet.ts'
import { busListener } from '../../../src/core/listener.ts'
import type { RtmsNode } from '../../../src/core/node.ts'
import type { Peering } from '../../../src/core/peering.ts'
import { type Carrier, QUIET } from '../../../src/core/topic/carrier.ts'
import type { Topics } from '../../../src/core/topic/topics.ts'

/** Where the bus comes into a node, in a cluster or alone; what the rooms behind it are told is noted. */
function desk(isAlone = false) {
  const told: string[] = []
  const note =
    (what: string) =>
    (...parts: unknown[]): void => {
      const words = parts.map((part) => (part instanceof Uint8Array ? `${part.length} B` : String(part)))
      told.push([what, ...words].join(' '))
    }
  const catchUp = { published: note('published'), quiet: note('quiet') }
  const carrier = { back: (_: unknown, downAt: number) => told.push(`carrier back ${downAt}`) }
  const cluster = { handle: note('cluster'), down: note('down'), up: note('up'), gone: note('gone') }
  const peering = {
    links: { handle: note('link') },
    mesh: { datagram: note('mesh') },
    up: note('peering up'),
  }
  const stats = new Stats()
  const inlet = new Inlet(
    { catchUp, all: () => [] } as unknown as Topics,
    carrier as unknown as Carrier,
    isAlone ? null : (cluster as unknown as Cluster),
    isAlone ? null : (peering as unknown as Peering),
    stats,
  )
  return { inlet, stats, news: () => told.splice(0) }
}

const subjects = ['t/news', QUIET, NODES, 'x/strange']
const kinds = [LINK, MESH, CLUSTER, 0x7a]

describe('What comes over the bus', () => {
  it('goes to the room that it is for, and what is for none is counted', () => {
    const { inlet, stats, news } = desk()
    for (const [at, subject] of subjects.entries()) inlet.message(subject, new Uint8Array(at), 8, 50)
    expect([news(), stats.strangers]).toEqual([
      ['published news 0 B 8 50', 'quiet 1 B 8 50', 'cluster 8 2 B 50'],
      1,
    ])
    for (const [at, kind] of kinds.entries()) inlet.sent(new Uint8Array(at + 1).fill(kind), 8, 50)
    expect([news(), stats.strangers]).toEqual([['link 8 1 B 50', 'mesh 8 2 B 50', 'cluster 8 3 B 50'], 2])
  })

  it('is of topics alone at a node that is alone', () => {
    const { inlet, stats, news } = desk(true)
    for (const subject of subjects) inlet.message(subject, Uint8Array.of(1, 2), 8, 50)
    for (const kind of kinds) inlet.sent(Uint8Array.of(kind, 2, 3), 8, 50)
    expect([news(), stats.strangers]).toEqual([['published news 2 B 8 50', 'quiet 2 B 8 50'], 6])
    inlet.down(60)
    inlet.back(70)
    inlet.gone(8, 80)
    expect(news()).toEqual(['carrier back 60'])
  })

  it('is not heard any more by a node that has said goodbye, and is not counted', () => {
    const { inlet, stats, news } = desk()
    inlet.isDeaf = true
    for (const subject of subjects) inlet.message(subject, Uint8Array.of(1, 2), 8, 50)
    for (const kind of kinds) inlet.sent(Uint8Array.of(kind, 2, 3), 8, 50)
    inlet.back(60)
    expect([news(), stats.strangers, inlet.isUp]).toEqual([[], 0, false])
  })
})

describe('The bus', () => {
  it('is up from when it is there; what was published while it was down is made up for only where it was', () => {
    const { inlet, news } = desk()
    expect(inlet.isUp).toBe(false)
    inlet.back(10)
    expect([inlet.isUp, news()]).toEqual([true, ['up 10', 'peering up false 10']])
    inlet.down(20)
    expect([inlet.isUp, news()]).toEqual([false, ['down 20']])
    inlet.back(30)
    expect([inlet.isUp, news()]).toEqual([true, ['carrier back 20', 'up 30', 'peering up true 30']])
  })

  it('calls into its node with the time of whoever makes the calls', () => {
    const { inlet, news } = desk()
    let now = 100
    const listener = busListener((call) => call({ inlet } as unknown as RtmsNode, now++))
    listener.message('t/news', Uint8Array.of(1), 8)
    listener.sent(Uint8Array.of(LINK), 8)
    listener.down()
    listener.back()
    listener.gone(8)
    expect(news()).toEqual([
      'published news 1 B 8 100',
      'link 8 1 B 101',
      'down 102',
      'carrier back 102',
      'up 103',
      'peering up true 103',
      'gone 8 104',
    ])
  })
})
