import { describe, expect, it } from 'vitest'
import { linked, LinkParts } from '../../../../src/core/cluster/link-messages.ts'
import { LINK, type LinkLimits, linkLimits, Links } from '../../../../src/core/cluster/links.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Timers } from '../../../../src/core/ground/timers.ts'
import { weights } from '../../../../src/core/ground/weights.ts'
import { Reader } from '../../../../src/protocol/bytes.ts'

/** A packet as it is on the bus. */
interface Sent {
  readonly epoch: number
  readonly expected: number
  readonly flags: number
  readonly first: number
  readonly messages: number
}

const AGAIN = 1
const ANSWER = 2
const WEIGHT = weights.bytes + 100
/** Of a message of one byte. */
const WEIGHT_OF_ONE = WEIGHT - 99

/** One end of a link to node 2, and what it puts on the bus. */
class End {
  readonly stats: Stats = new Stats()
  readonly heard: string[] = []
  readonly #put: Uint8Array[] = []
  readonly links: Links
  /** How many more messages it has time for. */
  left = Infinity

  constructor(limits: Partial<LinkLimits> = {}) {
    this.links = new Links(
      {
        put: (_, bytes) => this.#put.push(bytes),
        message: (_, bytes) => {
          this.heard.push(String(bytes[0]))
          this.left--
        },
        broken: () => this.heard.push('broken'),
        isTaken: () => this.left <= 0,
      },
      this.stats,
      { ...linkLimits, ...limits },
    )
  }

  say(count: number): void {
    for (let n = 0; n < count; n++) this.links.send(2, new Uint8Array(100))
  }

  /** A packet of the other node, with messages of one byte each. */
  hear(epoch: number, expected: number, flags: number, first: number, ...messages: number[]): void {
    const bytes = [LINK, epoch, expected, flags, first, ...messages.flatMap((each) => [1, each])]
    this.links.handle(2, Uint8Array.from(bytes), 0)
  }

  sweep(): Sent[] {
    this.links.sweep(0)
    return this.#put.splice(0).map((bytes) => {
      const r = new Reader(bytes)
      r.byte()
      const [epoch, expected, flags, first] = [r.uint(), r.uint(), r.byte(), r.uint()]
      let messages = 0
      for (; r.left > 0; messages++) r.bytes(Infinity)
      return { epoch, expected, flags, first, messages }
    })
  }
}

describe('An end of a link', () => {
  it('waits for the other until that has confirmed everything', () => {
    const end = new End()
    expect([end.links.isWaiting, end.links.bytesTo(2)]).toEqual([false, 0])
    end.say(2)
    end.sweep()
    end.hear(1, 2, 0, 1)
    expect([end.links.isWaiting, end.links.bytesTo(2), end.links.bytes]).toEqual([true, WEIGHT, WEIGHT])
    end.hear(1, 3, 0, 1)
    expect([end.links.isWaiting, end.links.bytesTo(2), end.links.hasWork]).toEqual([false, 0, false])
  })

  it('answers messages, and a packet that wants an answer, but not a mere confirmation', () => {
    const end = new End()
    end.hear(1, 1, 0, 1)
    expect(end.links.hasWork).toBe(false)
    end.hear(1, 1, ANSWER, 1)
    expect(end.sweep()).toEqual([{ epoch: 1, expected: 1, flags: 0, first: 1, messages: 0 }])
    end.hear(1, 1, 0, 1, 7)
    expect([end.sweep(), end.heard]).toEqual([[], ['7']])
    end.links.confirm()
    const confirmation = { epoch: 1, expected: 2, flags: 0, first: 1, messages: 0 }
    expect([end.sweep(), end.sweep()]).toEqual([[confirmation], []])
  })

  it('answers at once what comes again, since its sender does not know that it has come', () => {
    const end = new End()
    end.hear(1, 1, 0, 1, 7)
    end.hear(1, 1, 0, 1, 7, 8)
    expect([end.sweep(), end.heard]).toEqual([
      [{ epoch: 1, expected: 3, flags: 0, first: 1, messages: 0 }],
      ['7', '8'],
    ])
    expect([end.links.isOwing, end.sweep()]).toEqual([false, []])
  })

  it('asks once for what is missing, and once more with each beat', () => {
    const end = new End()
    const flags = [1, 2].map(() => {
      end.hear(1, 1, 0, 3, 9)
      return end.sweep().map((each) => each.flags)
    })
    end.links.beat()
    end.hear(1, 1, 0, 3, 9)
    expect([...flags, end.sweep().map((each) => each.flags)]).toEqual([[AGAIN], [0], [AGAIN]])
    end.hear(1, 1, 0, 1, 7, 8, 9)
    end.hear(1, 1, 0, 2, 8, 9, 10)
    expect(end.heard).toEqual(['7', '8', '9', '10'])
  })

  it('takes no more than there is time for, and the rest in order in later sweeps, without asking for it again', () => {
    const end = new End()
    end.left = 2
    end.hear(1, 1, 0, 1, 7, 8, 9, 10)
    end.hear(1, 1, 0, 5, 11)
    // It comes again, since it was not confirmed.
    end.hear(1, 1, 0, 3, 9, 10)
    expect([end.heard, end.links.hasWork]).toEqual([['7', '8'], true])
    end.left = 1
    expect([end.sweep(), end.heard]).toEqual([[], ['7', '8', '9']])
    end.left = Infinity
    expect(end.sweep()).toEqual([{ epoch: 1, expected: 6, flags: 0, first: 1, messages: 0 }])
    expect([end.heard, end.links.hasWork]).toEqual([['7', '8', '9', '10', '11'], false])
  })

  it('confirms nothing that waits, so the other end sends no more than a window of it', () => {
    const end = new End({ linkWindow: 3 * WEIGHT_OF_ONE, linkPacket: 0 })
    end.left = 0
    end.hear(1, 1, 0, 1, 7, 8)
    end.hear(1, 1, 0, 3, 9, 10, 11)
    // Twice the window at most is kept.
    end.hear(1, 1, 0, 6, 12, 13)
    expect(end.sweep()).toEqual([])
    end.links.confirm()
    expect([end.sweep(), end.heard]).toEqual([[], []])
    end.left = Infinity
    end.sweep()
    expect(end.heard).toEqual(['7', '8', '9', '10', '11'])
    end.hear(1, 1, 0, 6, 12, 13)
    expect(end.heard.slice(5)).toEqual(['12', '13'])
  })

  it('forgets what waits where the link breaks, or its node has ended', () => {
    const end = new End()
    end.left = 1
    end.hear(1, 1, 0, 1, 7, 8)
    end.hear(2, 1, 0, 1, 9)
    end.left = Infinity
    end.sweep()
    expect([end.heard, end.links.hasWork]).toEqual([['7', 'broken', '9'], false])
    end.left = 0
    end.hear(2, 1, 0, 2, 10)
    end.links.gone(2)
    end.left = Infinity
    end.sweep()
    expect(end.heard.slice(3)).toEqual([])
  })

  it('takes nothing more of what waits once that has shown that its node has ended', () => {
    const end = new End()
    end.left = 0
    end.hear(1, 1, 0, 1, 7)
    end.hear(1, 1, 0, 2, 8)
    end.left = Infinity
    end.heard.push = (what: string): number => {
      end.links.gone(2)
      return Array.prototype.push.call(end.heard, what)
    }
    end.sweep()
    expect([...end.heard]).toEqual(['7'])
  })

  it('does not wait with what the other has confirmed, nor with what it asks for', () => {
    const end = new End()
    end.say(2)
    end.sweep()
    end.left = 0
    end.hear(1, 1, 0, 1, 7)
    end.hear(1, 2, AGAIN, 2, 8)
    expect(end.sweep()).toMatchObject([{ first: 2, messages: 1 }])
    expect([end.heard, end.links.bytesTo(2)]).toEqual([[], WEIGHT])
  })

  it('has nodes take turns', () => {
    const end = new End()
    end.left = 0
    for (const node of [2, 3])
      end.links.handle(node, Uint8Array.from([LINK, 1, 1, 0, 1, 1, node * 10, 1, node * 10 + 1]), 0)
    for (let n = 0; n < 4; n++) {
      end.left = 1
      end.sweep()
    }
    expect(end.heard).toEqual(['20', '30', '21', '31'])
  })

  it('sends again at once what the other asks for, from there on', () => {
    const end = new End()
    end.say(3)
    expect(end.sweep()).toMatchObject([{ first: 1, messages: 3 }])
    end.hear(1, 2, AGAIN, 1)
    expect(end.sweep()).toMatchObject([{ first: 2, messages: 2 }])
    end.hear(1, 4, AGAIN, 1)
    expect(end.links.hasWork).toBe(false)
  })

  it('has exactly its window under way, and more as that is confirmed', () => {
    const end = new End({ linkWindow: 3 * WEIGHT })
    end.say(7)
    expect(end.sweep()).toMatchObject([{ first: 1, messages: 3 }])
    end.hear(1, 3, 0, 1)
    expect(end.sweep()).toMatchObject([{ first: 4, messages: 2 }])
    end.links.up()
    expect(end.sweep()).toMatchObject([{ first: 3, messages: 3 }])
    end.hear(1, 6, 0, 1)
    expect(end.sweep()).toMatchObject([{ first: 6, messages: 2 }])
  })

  it('begins another packet once one is large enough', () => {
    const end = new End({ linkPacket: 200 })
    end.say(5)
    expect(end.sweep().map(({ first, messages }) => [first, messages])).toEqual([
      [1, 2],
      [3, 2],
      [5, 1],
    ])
  })

  it('has nothing to do when the bus is back and nothing was under way', () => {
    const end = new End()
    end.say(1)
    end.sweep()
    end.hear(1, 2, 0, 1)
    end.links.up()
    expect(end.links.hasWork).toBe(false)
  })

  it('that has broken says so, and wants to hear that the other knows', () => {
    const end = new End({ linkBytes: 2 * WEIGHT })
    end.say(3)
    expect([end.links.bytes, end.stats.linksBroken]).toEqual([0, 1])
    expect(end.sweep()).toEqual([{ epoch: 2, expected: 1, flags: ANSWER, first: 1, messages: 0 }])
    expect([end.heard, end.links.isWaiting]).toEqual([['broken'], true])
    end.links.beat()
    expect(end.sweep()).toMatchObject([{ epoch: 2, flags: ANSWER }])
    // What the other said before it knew is void; the answer to it says why.
    end.hear(1, 1, 0, 1, 7)
    expect([end.heard, end.sweep()]).toEqual([
      ['broken'],
      [{ epoch: 2, expected: 1, flags: 0, first: 1, messages: 0 }],
    ])
    end.hear(2, 1, 0, 1, 8)
    expect([end.heard, end.links.isWaiting]).toEqual([['broken', '8'], false])
  })

  it('breaks with the other, which can have confirmed nothing of what is said from then on', () => {
    const end = new End()
    end.say(1)
    end.hear(3, 2, 0, 1)
    expect([end.stats.strangers, end.stats.linksBroken, end.heard]).toEqual([1, 0, []])
    end.hear(3, 1, 0, 1)
    expect([end.stats.strangers, end.stats.linksBroken, end.heard, end.links.bytes]).toEqual([
      1,
      1,
      ['broken'],
      0,
    ])
    expect(end.sweep()).toMatchObject([{ epoch: 3, flags: ANSWER }])
    // Of what was said before, it may have had any number.
    end.hear(2, 9, 0, 1)
    expect(end.stats.strangers).toBe(1)
  })
})

describe('The links of a node', () => {
  const make = (limits: LinkLimits = linkLimits) => {
    const timers = new Timers()
    const stats = new Stats()
    const put: number[] = []
    const host = {
      put: (_: number, bytes: Uint8Array) => put.push(bytes.length),
      isThere: () => true,
      isTaken: () => false,
    }
    return { timers, put, parts: new LinkParts(timers, stats, host, limits) }
  }

  it('are looked at every half a second while something is not confirmed, whatever is sent meanwhile', () => {
    const { timers, parts } = make()
    parts.sweep(0)
    expect([timers.size, parts.hasWork]).toEqual([0, false])
    for (const now of [1_000, 1_200, 1_400]) {
      parts.send(2, Uint8Array.of(linked.mesh))
      expect(parts.hasWork).toBe(true)
      parts.sweep(now)
      expect(timers.next).toBe(1_500)
    }
    timers.run(1_500)
    expect(timers.next).toBe(2_000)
    parts.gone(2)
    timers.run(2_000)
    expect([timers.size, parts.bytes]).toEqual([0, 0])
  })

  it('are open until as much is under way as may be', () => {
    const { parts } = make({ ...linkLimits, linkWindow: 2 * WEIGHT })
    const open = [1, 2].map(() => {
      parts.send(2, new Uint8Array(100).fill(linked.mesh))
      return parts.isOpen(2)
    })
    expect([open, parts.isOpen(3)]).toEqual([[true, false], true])
  })

  it('send again what was under way when the bus is back', () => {
    const { parts, put } = make()
    parts.send(2, Uint8Array.of(linked.mesh))
    parts.sweep(0)
    parts.up()
    parts.sweep(0)
    expect(put).toHaveLength(2)
  })
})
