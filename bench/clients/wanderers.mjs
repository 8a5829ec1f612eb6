import { WebSocket } from 'ws'
import { serve } from '../lib/child.mjs'
import { now, pace } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'
import { Samples } from '../lib/samples.mjs'

/*
 * Members of meetings who use the real client library, and whose sockets are reset under them. Each sees to it that it
 * gets every frame once, in order, and that each input it sent is in one frame or is told to be unknown.
 */

const members = []
const wrong = []
const away = new Samples()
const counts = { frames: 0, resets: 0, rejoined: 0, recovered: 0, gaps: 0, sent: 0, framed: 0, failed: 0 }
let stopSending
let stopResetting

class Member {
  socket = null
  frame = 0
  /** When its socket was reset, until it is back. */
  resetAt = 0
  /** Inputs sent whose frame was promised, by number; checked off when they come. */
  own = new Map()

  constructor(index, meetingName) {
    this.name = `member ${index} of ${meetingName}`
  }

  fail(why) {
    if (wrong.length < 20) wrong.push(`${this.name}: ${why}`)
  }

  async start(connect, ticket, meetingName) {
    this.client = connect({
      getTicket: () => ticket,
      socket: (url, protocols) => (this.socket = new WebSocket(url, protocols)),
    })
    const meeting = await this.client.join(meetingName)
    this.meeting = meeting
    this.frame = meeting.headAtJoin
    let first = true
    meeting.onFrame(({ number, inputs }) => {
      // The meeting's frames from its first on come to who joins late.
      if (first) this.frame = number - 1
      first = false
      if (number !== this.frame + 1) this.fail(`frame ${number} came after ${this.frame}`)
      this.frame = number
      counts.frames++
      for (const { slot, data } of inputs) if (slot === meeting.slot) this.#hear(data)
    })
    meeting.onGap(({ from, to, reason }) => {
      counts.gaps++
      this.fail(`frames ${from} to ${to} are missing: ${reason}`)
    })
    meeting.onRejoin(({ recovered, reason }) => {
      counts.rejoined++
      if (recovered) counts.recovered++
      else this.fail(`not recovered: ${reason}`)
      if (this.resetAt > 0) away.push(now() - this.resetAt)
      this.resetAt = 0
    })
    meeting.onEnd((error) => this.fail(`its meeting ended: ${error.message}`))
  }

  #hear(number) {
    if (this.own.get(number) === true) this.fail(`input ${number} is in two frames`)
    this.own.set(number, true)
    counts.framed++
  }

  send() {
    const number = this.own.size + 1
    this.own.set(number, false)
    counts.sent++
    this.meeting.send(number).catch((error) => {
      counts.failed++
      if (this.own.get(number) === true)
        this.fail(`input ${number} is in a frame and failed with ${error.code}`)
    })
  }

  /** A reset, as a network makes it: nothing more of what is on its way arrives. */
  reset() {
    const { _socket: socket } = this.socket ?? {}
    if (this.resetAt > 0 || socket === undefined || socket === null || socket.destroyed) return false
    this.resetAt = now()
    counts.resets++
    socket.resetAndDestroy()
    return true
  }
}

const pick = (list) => list[Math.floor(Math.random() * list.length)]

serve({
  async connect({ dist, tickets, meetings }) {
    const { connect } = await load(dist, 'client/node.js')
    for (const [index, ticket] of tickets.entries()) {
      const name = `m${index % meetings}`
      const member = new Member(index, name)
      members.push(member)
      await member.start(connect, ticket, name)
    }
  },

  /** Each sends so many inputs a second, and so many of all are reset a second. */
  begin({ inputsPerSecond, resetsPerSecond }) {
    stopSending = pace(inputsPerSecond * members.length, () => pick(members).send())
    stopResetting = pace(resetsPerSecond, () => {
      for (let tries = 0; tries < 20 && !pick(members).reset(); tries++);
    })
  },

  stop() {
    stopSending()
    stopResetting()
  },

  /** The frame at which each stands. */
  positions: () => members.map(({ frame }) => frame),

  counts: () => ({
    ...counts,
    stillAway: members.filter(({ resetAt }) => resetAt > 0).length,
    away: away.summary(),
    wrong,
  }),

  close() {
    for (const { client } of members) client.close()
  },
})
