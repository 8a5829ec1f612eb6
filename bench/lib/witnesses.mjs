import { Child } from './child.mjs'

const MEETINGS = 10
const PER_MEETING = 4
const RATE = 20

/** Milliseconds between two frames of the witnesses' meetings. */
export const TICK_MS = 1000 / RATE

/**
 * Honest members of ten meetings at 20 Hz, in a process of their own, who see what others' doings cost: how late each
 * frame comes. Everything is checked at the end: no frame missing, no connection cut, each input in exactly one frame.
 */
export class Witnesses {
  child = new Child('clients/members.mjs')

  /** Joins them. @param {Child} server one of servers/guarantee.mjs */
  async join(server, where, dist) {
    const count = MEETINGS * PER_MEETING
    await server.call('openMeetings', { meetings: MEETINGS, rate: RATE })
    const tokens = await server.call('tokens', { count, prefix: 'witness' })
    const each = { meetings: MEETINGS, perMeeting: PER_MEETING, window: 131_072 }
    await this.child.call('connect', { server: where, dist, tokens, ...each })
    await this.child.call('send', { inputsPerSecond: 5, inputBytes: 32 })
    this.count = count
  }

  /** How late frames came during `work`: `{ result, lateness: { p50, p99, max }, roundTrip }`. */
  async during(work) {
    await this.child.call('begin')
    const result = await work()
    const { lateness, roundTrip } = await this.child.call('end')
    return { result, lateness, roundTrip }
  }

  /** Checks everything. Returns how many frames were checked, and '' or what was wrong. */
  async verify() {
    try {
      return { ...(await this.child.call('verify')), failure: '' }
    } catch (error) {
      return { frames: 0, failure: error.message }
    }
  }

  /** Holds that all was well against the promise. @param {import('./promises.mjs').Promises} promises */
  static check(promises, { frames, failure }) {
    const measured = failure === '' ? `0 of ${frames} frames` : failure
    promises.check(
      'honest members: frames missed, inputs lost, connections cut',
      '0',
      measured,
      failure === '',
    )
  }
}
