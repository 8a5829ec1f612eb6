import { describe, expect, it } from 'vitest'
import { Crowd } from '../../src/core/door/crowd.ts'
import { Places } from '../../src/core/ground/places.ts'
import { Queue } from '../../src/core/ground/queue.ts'
import { Elector, Electorate } from '../../src/core/meeting/electorate.ts'
import { Harness, text } from '../unit/core/harness.ts'
import { weigh } from './scale.ts'

/*
 * Classes that keep something by name: after very many names have come and gone, nothing of them is left. What they
 * answer says nothing of it, so the heap is weighed.
 */

const COUNT = 100_000
/** Less than a few bytes for each of them. */
const NOTHING = 1_000_000

/** Calls after which V8 has compiled what they run, and keeps what it has learned about it. */
const WARM = 5_000

/** Bytes that are held after `count` calls, and were not after the first ones. */
async function growth(step: (n: number) => void, count = COUNT): Promise<number> {
  for (let n = 0; n < WARM; n++) step(n)
  const before = await weigh()
  for (let n = 0; n < count; n++) step(WARM + n)
  return (await weigh()) - before
}

describe('Nothing is left', () => {
  it('of addresses whose newcomers have gone', async () => {
    const crowd = new Crowd<number>()
    crowd.add('stays', -1)
    const grown = await growth((n) => {
      const address = `2001:db8::${n}`
      crowd.add(address, n)
      crowd.add(address, -n - 2)
      crowd.delete(address, n)
      crowd.delete(address, -n - 2)
    })
    expect([crowd.size, crowd.longest, grown < NOTHING]).toEqual([1, 1, true])
  })

  it('of payers who have given their places back', async () => {
    const entered: string[] = []
    const places = new Places<string>({
      most: 2,
      share: 1,
      payer: (item) => item,
      enter: (item) => entered.push(item) > 0,
    })
    places.wait('stays')
    const grown = await growth((n) => {
      for (const payer of [`user ${n}`, `next ${n}`, `late ${n}`]) places.wait(payer)
      places.withdraw(`late ${n}`)
      places.release(`user ${n}`)
      places.release(`next ${n}`)
      entered.length = 0
    })
    expect(grown).toBeLessThan(NOTHING)
  })

  it('of entries that came and went behind the oldest of a queue', async () => {
    const queue = new Queue<number, string>()
    queue.set(-1, 'stays')
    const grown = await growth((n) => {
      if (queue.oldest !== -1) throw new Error('not the oldest')
      queue.set(n, `${n}`)
      queue.delete(n)
    })
    expect([queue.size, queue.oldest]).toEqual([1, -1])
    expect(grown).toBeLessThan(NOTHING)
  })

  it('of members who came and went while frames became stable, or did not', async () => {
    for (const isHeard of [true, false]) {
      const electorate = new Electorate()
      const stays = new Elector()
      electorate.join(stays, 1)
      const grown = await growth((n) => {
        const guest = new Elector()
        electorate.join(guest, n + 2)
        electorate.leave(guest, n + 2 + (n % 2), n % 3 === 0)
        if (isHeard) electorate.acknowledge(stays, n + 2)
        electorate.stableTo(n + 2)
      }, 20_000)
      expect(grown).toBeLessThan(NOTHING)
    }
  })

  it('of users who came, did what users do, and left for good', async () => {
    const h = new Harness({ sessionKeepMs: 10, meetingLogBytes: 2_000, joinUsers: 16 })
    h.node.openMeeting('m', { frameRate: 0, joinsPerMinute: 0 }, h.now)
    const grown = await growth((n) => {
      const peer = h.open(undefined, `10.0.${n >> 8}.${n & 255}`)
      peer.hello(`user ${n}`)
      h.settle()
      peer.join('m')
      peer.subscribe('t')
      peer.request('r', text('x'))
      h.settle()
      for (const call of h.application.requests.splice(0))
        h.node.handleReply(call, { ok: true, value: text('y') }, h.now)
      h.settle()
      peer.hangUp(true)
      h.advance(200)
      h.application.presence.length = 0
      h.bus.published.length = 0
      h.bus.interest.length = 0
    }, 5_000)
    expect(h.node).toMatchObject({ sessions: 0, connections: 0 })
    // An account alone would be 1 MB.
    expect(grown).toBeLessThan(500_000)
  })
})
