import { describe, expect, it } from 'vitest'
import { Backing } from '../../../src/core/meeting/backing.ts'
import { Electorate } from '../../../src/core/meeting/electorate.ts'
import { defaultMeeting } from '../../../src/core/meeting/options.ts'
import { Pulse } from '../../../src/core/meeting/pulse.ts'
import { type Member, Seat } from '../../../src/core/meeting/seat.ts'
import type { Session } from '../../../src/core/session/session.ts'
import type { ServerMessage } from '../../../src/protocol/index.ts'
import { disconnect, Parts } from './cluster/parts.ts'

/** The owner of a meeting at ten frames a second and who supports it, alone: what is asked of others is noted. */
class Desk extends Parts {
  /** Until when the nodes support it that may have the frames, and since when members must have answered. */
  until = -Infinity
  since = 0
  /** When the nodes were asked. */
  readonly asked: number[] = []
  readonly pinged: string[] = []
  readonly members: Member[] = []
  readonly electorate: Electorate = new Electorate()
  readonly pulse: Pulse
  readonly backing: Backing<string>
  /** What readers were told. */
  readonly pauses: boolean[] = []
  readonly room = {
    log: { next: 8 },
    isDeserted: false,
    pause: (isPaused: boolean) => void (this.pauses.at(-1) === isPaused || this.pauses.push(isPaused)),
  } as const

  constructor() {
    super()
    this.pulse = new Pulse({ ...defaultMeeting, frameRate: 10 }, 1, this.now, {
      timers: this.timers,
      work: { ofHooks: 0, areTimersBusy: false },
      share: { aheadMs: () => 0, pay() {} },
      tick: () => {},
      expired: () => {},
    })
    this.pulse.run(8, this.now)
    const host = {
      stats: this.stats,
      supportedUntil: (_: string, now: number): number => {
        this.asked.push(now)
        return this.until
      },
      answersSince: () => this.since,
      downstream: {
        control: (outlet: unknown, message: ServerMessage) => {
          const { user } = this.sessions.find((session) => session.outlet === outlet) as Session
          this.pinged.push(`${user} ${message.type} ${message.type === 'ping' ? message.time : ''}`)
        },
      },
    }
    const roster = { all: () => this.members }
    this.backing = new Backing('m', host as never, roster as never, this.electorate, this.pulse)
  }

  readonly sessions: Session[] = []

  /** A member who came in frame 1, with a session here. */
  seat(user: string): Seat {
    const session = this.session(user)
    this.sessions.push(session)
    const seat = new Seat(null as never, session, null)
    this.members.push({ seat } as unknown as Member)
    this.electorate.join(seat.elector, 1)
    return seat
  }

  permit(now: number): number | null {
    return this.backing.permit(this.room as never, now)
  }
}

describe('An owner', () => {
  it('seals without asking anybody where no other node has the frames, or none has them any more', () => {
    const desk = new Desk()
    desk.seat('ann')
    expect([desk.permit(2_000), desk.asked]).toEqual([0, []])
    desk.backing.hold(2)
    desk.backing.hold(3)
    expect([desk.permit(2_100), desk.backing.isPaused]).toEqual([null, true])
    desk.backing.release(2)
    expect(desk.permit(2_200)).toBeNull()
    desk.backing.release(3)
    expect([desk.permit(2_300), desk.backing.isPaused]).toEqual([200, false])
    expect(desk.pauses).toEqual([false, true, false])
  })

  it('seals as long as the nodes support it, and asks anew when that is over, or another node has the frames', () => {
    const desk = new Desk()
    desk.seat('ann')
    desk.backing.hold(2)
    desk.until = 3_000
    expect([2_000, 2_500, 2_999].map((now) => desk.permit(now))).toEqual([0, 0, 0])
    expect(desk.asked).toEqual([2_000])
    desk.backing.hold(3)
    desk.permit(2_999.5)
    expect(desk.asked).toEqual([2_000, 2_999.5])
    expect(desk.permit(3_000)).toBeNull()
    desk.until = 3_000.5
    expect(desk.permit(3_000.25)).toBe(0.25)
    desk.until = 3_001
    expect(desk.permit(3_001)).toBeNull()
    expect(desk.asked).toEqual([2_000, 2_999.5, 3_000, 3_000.25, 3_001])
  })

  it('remembers since when each node may have the frames at the least, the latest that it was told of', () => {
    const { backing } = new Desk()
    backing.hold(2, 500)
    backing.hold(2, 400)
    backing.hold(3)
    backing.hold(3, 100)
    backing.hold(3)
    expect([...backing.holders]).toEqual([
      [2, 500],
      [3, 100],
    ])
  })

  it('seals with half of its members alone: those who answer pings, here, or acknowledge frames', () => {
    const desk = new Desk()
    const [ann, bob] = [desk.seat('ann'), desk.seat('bob')]
    // One whose session is on another node.
    const far = { elector: desk.seat('cid').elector, session: null }
    desk.members[2] = { seat: far } as unknown as Member
    desk.electorate.join(new Seat(null as never, desk.session('dan'), null).elector, 1)
    desk.backing.hold(2)
    desk.since = 5_000
    expect(desk.permit(6_000)).toBeNull()
    ann.session.ponged(5_000, 6_100)
    expect(desk.permit(6_100)).toBeNull()
    bob.session.ponged(4_999, 6_200)
    expect(desk.permit(6_200)).toBeNull()
    bob.session.ponged(5_100, 6_300)
    expect(desk.permit(6_300)).toBe(300)
    // The answer of a client counts, and is not lost where it says less afterwards.
    desk.since = 5_050
    expect(desk.permit(6_400)).toBeNull()
    ann.session.answered = 0
    desk.since = 5_000
    expect(desk.permit(6_500)).toBe(100)
    desk.since = 5_050
    far.elector.answered = 5_050
    expect(desk.permit(6_600)).toBe(0)
  })

  it('takes a frame that is acknowledged for an answer to what was sent before it, while others have the frames', () => {
    const desk = new Desk()
    const { elector } = desk.seat('ann')
    /** The latest time since when its member counts as having answered; null: it has not. */
    const answered = (): number | null => {
      const times = [2_200, 2_100, 2_000].filter((since) => {
        desk.since = since
        return desk.permit(2_300) !== null
      })
      return times[0] ?? null
    }
    desk.backing.sealed(8, 2_000)
    desk.backing.acknowledge(elector, 8)
    desk.backing.hold(2)
    expect([elector.acked, answered()]).toEqual([8, null])
    desk.backing.sealed(9, 2_100)
    desk.backing.sealed(10, 2_200)
    expect(answered()).toBeNull()
    desk.backing.acknowledge(elector, 9)
    expect([elector.acked, answered()]).toEqual([9, 2_100])
    desk.backing.acknowledge(elector, 10)
    expect([elector.acked, answered()]).toEqual([10, 2_200])
    desk.backing.acknowledge(elector, 9)
    expect([elector.acked, answered()]).toEqual([10, 2_200])
  })
})

describe('An owner that may not seal', () => {
  const paused = (): Desk => {
    const desk = new Desk()
    for (const user of ['ann', 'bob']) desk.seat(user)
    desk.backing.hold(2)
    desk.since = 5_000
    return desk
  }

  it('asks the members with a connection here whether they are there, twice a second', () => {
    const desk = paused()
    desk.members.push({ seat: null } as Member, { seat: { id: 'far' } } as Member)
    disconnect(desk.sessions[1] as Session)
    desk.permit(6_000.25)
    expect(desk.pinged).toEqual(['ann ping 6000250'])
    desk.permit(6_500)
    expect(desk.pinged).toHaveLength(1)
    desk.permit(6_500.25)
    expect(desk.pinged).toEqual(['ann ping 6000250', 'ann ping 6500250'])
  })

  it('is paused, and counted once, until it may; frames are due from then on', () => {
    const desk = paused()
    expect([6_000, 6_050, 6_100].map((now) => desk.permit(now))).toEqual([null, null, null])
    expect([desk.stats.meetingsPaused, desk.pulse.due(8)]).toEqual([1, Infinity])
    desk.until = Infinity
    expect(desk.permit(7_000)).toBe(1_000)
    expect(desk.pulse.due(8)).toBeGreaterThan(7_000)
    desk.until = -Infinity
    desk.backing.hold(3)
    desk.permit(8_000)
    expect(desk.stats.meetingsPaused).toBe(2)
  })

  it('looks again at once where somebody may support it; one that seals has nothing to look for', () => {
    const desk = paused()
    const { next } = desk.timers
    desk.backing.look(1_001)
    expect(desk.timers.next).toBe(next)
    desk.permit(6_000)
    expect(desk.timers.next).toBe(6_100)
    desk.backing.look(6_020)
    expect(desk.timers.next).toBe(6_020)
  })

  it('doubts a node that may have the frames of another one, until it has some of this owner or is released', () => {
    const { backing } = new Desk()
    const doubts = (): number[] => [2, 3].map((node) => backing.doubtedSince(node))
    backing.hold(2, 5)
    backing.doubt(2, 10)
    backing.doubt(3, 10)
    expect([[...backing.holders], doubts()]).toEqual([
      [
        [2, 5],
        [3, -Infinity],
      ],
      [Infinity, 10],
    ])
    backing.hold(3, 12)
    expect([backing.holders.get(3), doubts()]).toEqual([12, [Infinity, Infinity]])
    backing.release(3)
    backing.doubt(3, 20)
    backing.release(3)
    expect([[...backing.holders.keys()], doubts()]).toEqual([[2], [Infinity, Infinity]])
  })
})
