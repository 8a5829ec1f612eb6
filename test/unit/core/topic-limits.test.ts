import { describe, expect, it } from 'vitest'
import { fixedLimits } from '../../../src/core/ground/config.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { encodeDiffusion } from '../../../src/core/topic/diffusion.ts'
import { Publication, weigh } from '../../../src/core/topic/publication.ts'
import { Publisher } from '../../../src/core/topic/publishers.ts'
import { bytes, Harness, publicationsOf, text, textOf } from './harness.ts'

/** The pressure, or the error, of one more publication with so many bytes. */
const publish = (h: Harness, topic: string, size: number, key = '', tombstone = false): unknown =>
  h.node.publish(topic, bytes(size), key, tombstone, h.now)

describe('The pressure that a publisher is told', () => {
  it('is how full the room is for what awaits a sweep: entries or bytes, whichever is fuller', () => {
    const h = new Harness({ topicPendingEntries: 20, topicPendingBytes: 4_000 })
    h.node.defineTopics('*', { entries: 10, bytes: 1_000, ageMs: 1e9 })
    // Each counts 32 bytes.
    const told = Array.from({ length: 20 }, () => publish(h, 'entries', 0))
    expect(told).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    ])
    const large = Array.from({ length: 6 }, () => publish(h, 'bytes', 468))
    expect(large).toEqual([0, 0, 0.125, 0.25, 0.375, 0.5])
    h.settle()
    expect([publish(h, 'entries', 0), publish(h, 'bytes', 468)]).toEqual([0.05, 0.125])
  })

  it('is the share of the subscribers who had not read what was last offered', () => {
    const h = new Harness()
    const peers = ['a', 'b', 'c', 'd'].map((user) => h.connect(user))
    for (const peer of peers) h.listen(peer, 't')
    expect(h.publish('t', '1')).toBe(0)
    h.settle()
    for (const peer of peers.slice(1)) peer.transport.accepts = false
    const told: unknown[] = []
    for (let n = 0; n < 4; n++) {
      told.push(h.publish('t', `${n}`))
      h.settle()
    }
    // A socket that takes no more has taken the write that it was full with.
    expect(told).toEqual([0, 0, 0, 0.75])
    for (const peer of peers) peer.drain()
    h.settle()
    h.publish('t', '5')
    h.settle()
    expect(h.publish('t', '6')).toBe(0)
  })
})

describe('What awaits a sweep', () => {
  it('goes out at once where there is no more room for it: to the exact entry, and to the exact byte', () => {
    const h = new Harness({ topicPendingEntries: 5, topicPendingBytes: 1_000 })
    h.node.defineTopics('*', { entries: 2, bytes: 500, ageMs: 1e9 })
    const beforeOut = (topic: string, size: number): number => {
      for (let count = 1; count < 100; count++) {
        publish(h, topic, size)
        if (h.bus.published.some((each) => each.topic === topic)) return count
      }
      return 0
    }
    expect(beforeOut('entries', 0)).toBe(8)
    expect([beforeOut('exact', 468), beforeOut('less', 467)]).toEqual([4, 5])
  })

  it('is kept from a conflating reader until its rung, and given to a plain one', () => {
    const h = new Harness({ topicPendingEntries: 3, burstFactor: 1 })
    h.node.defineTopics('*', { entries: 1, bytes: 100_000, ageMs: 1e9 })
    const [plain, conflating] = [h.connect('ann'), h.connect('bob')]
    h.listen(plain, 't', { maxHz: 1 })
    h.listen(conflating, 't', { maxHz: 1, conflate: true })
    for (let n = 1; n <= 9; n++) publish(h, 't', n)
    expect(publicationsOf(plain.take()).length).toBeGreaterThan(5)
    expect(conflating.take()).toEqual([])
    h.advance(1_000)
    expect(publicationsOf(conflating.take())).toHaveLength(1)
  })
})

describe('A full node', () => {
  const LIMIT = 30_000
  const NAME = 1

  /** One topic holds nearly all: others may grow up to the common size. Returns that size. */
  function fill(h: Harness, others: number): number {
    for (let n = 0; h.node.logs.bytes < LIMIT; n++) publish(h, 'A', 1_000, `key ${n}`)
    return LIMIT * 0.9 - others
  }

  it('lets a small topic grow to the common size, to the exact byte', () => {
    const h = new Harness({ logBytes: LIMIT })
    publish(h, 'b', 100)
    const held = weights.topic + NAME + weights.entries + weigh('', 100)
    const room = fill(h, held) - held - weigh('', 0)
    expect([publish(h, 'A', 0), publish(h, 'b', room + 1), publish(h, 'b', room)]).toEqual([
      'LIMIT',
      'LIMIT',
      0,
    ])
    expect(publish(h, 'b', 0)).toBe('LIMIT')
  })

  it('counts what a topic gets with its first publication, and a new topic', () => {
    for (const isKnown of [true, false]) {
      const h = new Harness({ logBytes: LIMIT })
      if (isKnown) h.listen(h.connect('ann'), 'b')
      const others = isKnown ? h.node.logs.bytes : 0
      const room = fill(h, others) - weights.topic - (isKnown ? NAME : 0) - weights.entries - weigh('', 0)
      expect([isKnown, publish(h, 'b', room + 1), publish(h, 'b', room)]).toEqual([isKnown, 'LIMIT', 0])
    }
  })

  it('takes a removal that weighs no more than what it removes', () => {
    const h = new Harness({ logBytes: LIMIT })
    for (const key of ['k', 'l']) publish(h, 'A', 50, key)
    fill(h, 0)
    expect([
      publish(h, 'A', 51, 'k', true),
      publish(h, 'A', 50, 'none', true),
      publish(h, 'A', 50, 'k'),
      publish(h, 'A', 50, 'k', true),
      publish(h, 'A', 50, 'k', true),
      publish(h, 'A', 0, '', true),
    ]).toEqual(['LIMIT', 'LIMIT', 'LIMIT', expect.any(Number), 'LIMIT', 'BAD_NAME'])
  })
})

const forgottenAt = (limits: { sessionKeepMs: number; topicIdleMs: number }, isEmpty: boolean): number => {
  const h = new Harness(limits)
  const peer = h.connect('ann')
  if (isEmpty) {
    const { log } = h.listen(peer, 't')
    peer.send({ type: 'unsubscribe', call: peer.call(), logs: [{ log }] })
    h.settle()
  } else h.publish('t', 'x')
  h.settle()
  const begun = h.now
  while (h.node.topics > 0) h.advance(1)
  return h.now - begun
}

describe('A topic that nobody uses', () => {
  it('is forgotten in the first turn after its time, whether it has entries or not', () => {
    const turn = fixedLimits.agingMs
    expect(forgottenAt({ sessionKeepMs: 5 * turn, topicIdleMs: 1e9 }, true)).toBe(5 * turn)
    expect(forgottenAt({ sessionKeepMs: 5 * turn + 1, topicIdleMs: 1e9 }, true)).toBe(6 * turn)
    expect(forgottenAt({ sessionKeepMs: 1e9, topicIdleMs: 5 * turn }, false)).toBe(5 * turn)
    expect(forgottenAt({ sessionKeepMs: 1e9, topicIdleMs: 5 * turn + 1 }, false)).toBe(6 * turn)
  })

  it('costs no turns any more once it is gone, nor one whose entries cannot age', () => {
    const h = new Harness({ topicIdleMs: 3_000, heartbeatMs: 60_000 })
    h.node.defineTopics('kept', { entries: 0, bytes: 0, ageMs: 0 })
    const aging = (): number => h.node.timersByName.get('aging') ?? 0
    h.listen(h.connect('ann'), 'kept')
    h.publish('kept', 'x')
    h.publish('gone', 'x')
    h.settle()
    expect(aging()).toBe(1)
    h.advance(4_500)
    expect([h.node.topics, aging()]).toEqual([1, 0])
  })
})

describe('From the bus', () => {
  const other = new Publisher(8, 0)
  const said = (...list: readonly (readonly [number: number, key: string])[]): Uint8Array =>
    encodeDiffusion(
      list.map(
        ([number, key]) =>
          new Publication(number, other, number, number, key, false, text(`${number}`), 0, 0),
      ),
    )

  it('what this node itself said is not taken, should a bus bring it back', () => {
    const h = new Harness()
    h.listen(h.connect('ann'), 't')
    h.hear('t', said([1, 'a']), 7)
    h.hear('t', Uint8Array.of(1, 2, 3))
    expect([h.node.topicHistory('t', 10), h.node.stats.strangers]).toEqual([[], 1])
  })

  it('a key that finds no room is refused and counted, and readers are told of the hole', () => {
    const h = new Harness({ topicKeys: 2 })
    const peer = h.connect('ann')
    h.listen(peer, 't')
    h.hear('t', said([1, 'a'], [2, 'b'], [3, 'c'], [4, 'a']))
    h.settle()
    expect(h.node.stats.publicationsRefused.get('LIMIT')).toBe(1)
    const messages = peer.take()
    expect(publicationsOf(messages).map(({ data }) => textOf(data))).toEqual(['1', '2', '4'])
    expect(messages.filter(({ type }) => type === 'gap')).toMatchObject([{ reason: 'BUS' }])
  })

  it('what is sent on is this node’s own, and nothing is said where there is none of it', () => {
    const h = new Harness()
    h.listen(h.connect('ann'), 't')
    h.hear('t', said([1, 'a']))
    h.settle()
    expect(h.bus.published).toEqual([])
    h.hear('t', said([2, 'a']))
    h.publish('t', 'own')
    h.settle()
    expect(h.bus.published).toHaveLength(1)
  })
})
