import { describe, expect, it } from 'vitest'
import { grant, Harness, type Peer, text } from './harness.ts'

/*
 * A wall clock that is set, in each state in which a session can be. What a token says is wall time, so its end moves
 * with the clock; how long anything is waited for is not, so nothing else moves.
 */

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** The wall clock's lead over the node's own at first. */
const OFFSET = Date.UTC(2026, 10, 26)

const steps: readonly (readonly [name: string, ms: number])[] = [
  ['a day forward', DAY_MS],
  ['an hour forward', HOUR_MS],
  ['a second forward', 1_000],
  ['a second back', -1_000],
  ['an hour back', -HOUR_MS],
  ['a day back', -DAY_MS],
]

class Node extends Harness {
  #offset = OFFSET

  constructor() {
    super({}, { wallOffset: OFFSET })
  }

  get wall(): number {
    return this.now + this.#offset
  }

  step(ms: number): void {
    this.#offset += ms
    this.node.handleWallClock(this.#offset)
    this.settle()
  }

  /** A token of ann's that is valid for so long, by the clock as it is now. */
  token(name: string, ms: number): void {
    this.application.grants.set(name, grant('ann', { issued: this.wall, expires: this.wall + ms }))
  }
}

/** Lets time pass in small steps; how long it took until `done`, or null when that was longer than `most`. */
function until(h: Harness, most: number, done: () => boolean): number | null {
  const start = h.now
  while (!done()) {
    if (h.now - start > most) return null
    h.advance(100)
    // A client that lives.
    for (const peer of living) if (peer.closed === null) peer.send({ type: 'ping', time: 0 })
  }
  return h.now - start
}

let living: Peer[] = []
function live(h: Harness, token: string): Peer {
  const peer = h.connect(token)
  living = [peer]
  return peer
}

describe.each(steps)('A wall clock that is set %s', (_, step) => {
  it('moves the end of a token by as much, of a session that is connected', () => {
    const h = new Node()
    h.token('two hours', 2 * HOUR_MS)
    const ann = live(h, 'two hours')
    h.step(step)
    const rest = 2 * HOUR_MS - step
    if (rest <= 0) {
      h.advance(1)
      expect(ann.closed).toBe(4451)
      return
    }
    // A second before the end, by the clock as it is now.
    h.step(rest - 1_000)
    h.advance(900)
    expect(ann.closed).toBe(null)
    h.advance(200)
    expect(ann.closed).toBe(4451)
  })

  it('does not change how long a connection may take to say its HELLO', () => {
    const took = [0, step].map((ms) => {
      const h = new Node()
      const peer = h.open()
      living = []
      h.advance(500)
      h.step(ms)
      return until(h, 60_000, () => peer.closed !== null)
    })
    expect(took[0]).not.toBe(null)
    expect(took[1]).toBe(took[0])
  })

  it('is the clock that a token is checked by when its check ends', () => {
    const h = new Node()
    h.slowTokens = true
    h.token('hour', HOUR_MS / 2)
    const peer = h.open()
    peer.hello('hour')
    h.step(step)
    h.authenticate(true)
    h.settle()
    expect(peer.closed).toBe(step >= HOUR_MS / 2 ? 4451 : null)
  })

  it('does not change how long a lost connection is waited for', () => {
    const took = [0, step].map((ms) => {
      const h = new Node()
      const ann = h.connect('ann')
      living = []
      ann.hangUp()
      h.advance(500)
      h.step(ms)
      return until(h, 120_000, () => h.node.sessions === 0)
    })
    expect(took[0]).not.toBe(null)
    expect(took[1]).toBe(took[0])
  })

  it('does not change how long a request is waited for', () => {
    const took = [0, step].map((ms) => {
      const h = new Node()
      const ann = live(h, 'ann')
      ann.send({ type: 'request', call: ann.call(), method: 'r', timeout: 5_000, data: text('x') })
      h.settle()
      h.step(ms)
      return until(h, 60_000, () => h.application.ended.length > 0)
    })
    expect(took[0]).not.toBe(null)
    expect(took[1]).toBe(took[0])
  })

  it('does not change when a silent connection is given up', () => {
    const took = [0, step].map((ms) => {
      const h = new Node()
      const ann = h.connect('ann')
      living = []
      h.advance(500)
      h.step(ms)
      return until(h, 60_000, () => ann.closed !== null)
    })
    expect(took[0]).not.toBe(null)
    expect(took[1]).toBe(took[0])
  })

  it('does not change when frames are due', () => {
    const sealed = [0, step].map((ms) => {
      const h = new Node()
      h.node.openMeeting('m', { frameRate: 20 }, h.now)
      const ann = h.connect('ann')
      h.seat(ann, 'm')
      h.advance(500)
      h.step(ms)
      h.advance(2_000)
      return h.node.stats.framesSealed
    })
    expect(sealed[1]).toBe(sealed[0])
  })

  it('does not free a token that is revoked, nor revoke one that is issued after', () => {
    const h = new Node()
    h.token('old', 0)
    h.application.grants.set('old', grant('ann', { issued: h.wall }))
    h.node.revoke({ user: 'ann' }, h.wall, h.now)
    const after = h.node.revokedUntil('ann') + 1
    h.step(step)
    const old = h.open()
    old.hello('old')
    h.application.grants.set('new', grant('ann', { issued: h.wall, after }))
    const fresh = h.open()
    fresh.hello('new')
    h.settle()
    expect([old.closed === null, fresh.closed]).toEqual([false, null])
  })
})
