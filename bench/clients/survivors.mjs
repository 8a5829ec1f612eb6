import { WebSocket } from 'ws'
import { serve } from '../lib/child.mjs'
import { now, pace, usage } from '../lib/clock.mjs'
import { connected } from '../lib/connected.mjs'
import { load } from '../lib/product.mjs'
import { History } from '../lib/history.mjs'

/*
 * Clients with the real library whose nodes are killed and halted, whose bus fails and whose connections are reset:
 * members and spectators of meetings, and readers of a topic. Each sees to it that it gets every frame once, that what
 * it was told to be stable stays, and how its inputs and requests end.
 */

const clients = []
const seats = []
const readers = []
const wrong = []
const counts = { frames: 0, rewound: 0, resets: 0, gaps: 0, publications: 0, asked: 0, sent: 0 }
const failures = new Map()
/** Requests that ended with NOT_SENT: nobody may have answered them. */
const unsent = []
let pending = 0
let stops = []
let url = ''

const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1)
const pick = (list) => list[Math.floor(Math.random() * list.length)]

function fail(why) {
  if (wrong.length < 50) wrong.push(why)
}

/** One connection, and what became of it. */
class Connection {
  socket = null
  losses = []
  /** When it was connected again after the last loss. */
  connectedAt = 0
  moves = 0
  recovered = 0
  /** When its socket was reset, until it is back. */
  resetAt = 0

  constructor(connect, ticket) {
    let asked = 0
    this.client = connect({
      // The first one leads to a node; after that the balancer chooses one that is ready.
      getTicket: () => (asked++ === 0 || url === '' ? ticket : { ...ticket, url }),
      socket: (at, protocols) => (this.socket = new WebSocket(at, protocols, { perMessageDeflate: false })),
      maxBackoffMs: 1_000,
    })
    this.client.onState((state) => {
      if (state === 'disconnected') this.losses.push(now())
      if (state === 'connected' && this.connectedAt < (this.losses.at(-1) ?? 0)) this.connectedAt = now()
    })
    this.client.onReconnect(({ recovered, reason }) => {
      this.moves++
      this.resetAt = 0
      if (recovered) this.recovered++
      else count(failures, `session ${reason}`)
    })
    clients.push(this)
  }

  /** A reset, as a network makes it: nothing more of what is on its way arrives. */
  reset() {
    const { _socket: socket } = this.socket ?? {}
    if (this.resetAt > 0 || socket === undefined || socket === null || socket.destroyed) return false
    this.resetAt = now()
    socket.resetAndDestroy()
    return true
  }
}

/** A member or spectator of a meeting. */
class Seat {
  /** When the last frame came, and the longest time between two of them since the last mark. */
  #last = 0
  #longest = 0
  /** When it was first seated again since the last mark; 0: it was not. */
  joinedAt = 0
  /** Inputs by number, as they ended: '' while they wait. */
  #inputs = []
  /** It has been in another world, where inputs that were framed may not be. */
  #isReset = false

  constructor(meeting, who, isSpectator, connection) {
    this.meeting = meeting
    this.who = `${who} of ${meeting.name}`
    this.isSpectator = isSpectator
    this.connection = connection
    this.epoch = meeting.epoch
    this.history = new History(fail, this.who)
    meeting.onFrame((frame) => {
      const at = now()
      if (this.#last !== 0) this.#longest = Math.max(this.#longest, at - this.#last)
      this.#last = at
      counts.frames++
      this.history.append(frame, meeting.stable)
    })
    meeting.onGap(({ from, to, reason }) => {
      counts.gaps++
      this.history.gap(from, to)
      if (reason !== 'RETENTION') fail(`${this.who}: frames ${from} to ${to} are missing: ${reason}`)
    })
    meeting.onRejoin(({ reason, next }) => {
      if (this.joinedAt === 0) this.joinedAt = now()
      if (meeting.epoch !== this.epoch) {
        this.epoch = meeting.epoch
        counts.resets++
        this.#isReset = true
        this.history.restart()
      } else if (reason === 'REWOUND') counts.rewound += this.history.rewind(next)
    })
    meeting.onEnd((error) => fail(`${this.who}: its meeting ended: ${error.message}`))
  }

  send() {
    const number = this.#inputs.length
    this.#inputs.push('')
    counts.sent++
    this.meeting.send({ who: this.who, number }).then(
      () => (this.#inputs[number] = 'framed'),
      ({ code }) => {
        this.#inputs[number] = code
        count(failures, `input ${code}`)
      },
    )
  }

  mark() {
    this.#longest = 0
    this.joinedAt = 0
  }

  /** The longest time without a frame since the last mark, in milliseconds; the present one counts. */
  get gap() {
    return Math.max(this.#longest, now() - this.#last)
  }

  get isFlowing() {
    return now() - this.#last < 1_000
  }

  /** How its inputs have ended is held against the frames. Returns how many still wait. */
  verify() {
    const framed = this.history.inputsOf(this.who)
    let waiting = 0
    for (const [number, end] of this.#inputs.entries()) {
      const times = framed.get(number) ?? 0
      if (end === '') waiting++
      if (times > 1) fail(`${this.who}: input ${number} is in ${times} frames`)
      if (end === 'framed' && times === 0 && this.history.isWhole && !this.#isReset)
        fail(`${this.who}: input ${number} was framed, and is in no frame`)
      // One that no frame took in time may yet be in one, as one whose fate is unknown.
      if (!['framed', '', 'UNKNOWN', 'TIMEOUT'].includes(end) && times > 0)
        fail(`${this.who}: input ${number} failed with ${end}, and is in a frame`)
    }
    return waiting
  }
}

/** A reader of a topic to which numbers are published. */
class Reader {
  #last = 0
  #told = 0
  gaps = 0
  lastAt = 0

  constructor(client, topic) {
    client.subscribe(
      topic,
      (number) => {
        if (this.#last !== 0 && number <= this.#last) fail(`${topic}: ${number} came after ${this.#last}`)
        if (this.#last !== 0 && number > this.#last + 1 && this.#told === 0)
          fail(`${topic}: ${number} came after ${this.#last}, and nothing was said of a gap`)
        this.#last = number
        this.#told = 0
        this.lastAt = now()
        counts.publications++
      },
      {
        onGap: () => {
          this.#told++
          this.gaps++
        },
      },
    )
  }

  get isFlowing() {
    return now() - this.lastAt < 1_000
  }
}

const inMeetings = (names) => seats.filter(({ meeting }) => names.includes(meeting.name))

serve({
  /**
   * Connects those of `join`, `{ ticket, meeting, spectator }` each, and those of `read`, `{ ticket, topic }`. `at`:
   * where the balancer is.
   */
  async connect({ dist, at, join = [], read = [] }) {
    const { connect } = await load(dist, 'client/node.js')
    url = at
    for (const [index, { ticket, meeting: name, spectator = false }] of join.entries()) {
      const connection = new Connection(connect, ticket)
      const meeting = await connection.client.join(name, { spectator })
      const who = `${spectator ? 'spectator' : 'member'} ${index}`
      seats.push(new Seat(meeting, who, spectator, connection))
    }
    for (const { ticket, topic } of read) {
      const { client } = new Connection(connect, ticket)
      readers.push(new Reader(client, topic))
      await connected(client)
    }
  },

  begin({ requestsPerSecond = 0, inputsPerSecond = 0, resetsPerSecond = 0 }) {
    const members = seats.filter(({ isSpectator }) => !isSpectator)
    stops = [
      pace(requestsPerSecond, () => {
        const id = ++counts.asked
        pending++
        pick(clients)
          .client.request('echo', id)
          .then(
            (answer) => answer === id || fail(`request ${id} was answered ${answer}`),
            ({ code }) => {
              count(failures, `request ${code}`)
              if (code === 'NOT_SENT') unsent.push(id)
            },
          )
          .finally(() => pending--)
      }),
      pace(inputsPerSecond, () => pick(members).send()),
      pace(resetsPerSecond, () => {
        for (let tries = 0; tries < 20 && !pick(clients).reset(); tries++);
      }),
    ]
  },

  stop() {
    for (const stop of stops) stop()
  },

  /** Gaps between frames are counted anew. */
  mark() {
    for (const seat of seats) seat.mark()
  },

  /** The longest gap of each seat in these meetings since the last mark, and how many get frames at present. */
  gaps({ names }) {
    const those = inMeetings(names)
    return {
      members: those.filter(({ isSpectator }) => !isSpectator).map(({ gap }) => gap),
      spectators: those.filter(({ isSpectator }) => isSpectator).map(({ gap }) => gap),
      flowing: those.filter(({ isFlowing }) => isFlowing).length,
      all: those.length,
    }
  },

  /** When those in these meetings were connected and seated again, in milliseconds since a time. */
  back: ({ names, since }) => ({
    connected: inMeetings(names).map(({ connection }) => connection.connectedAt - since),
    seated: inMeetings(names).map(({ joinedAt }) => joinedAt - since),
  }),

  /** How many seats and readers get something at present. */
  flowing: () => ({
    seats: seats.filter(({ isFlowing }) => isFlowing).length,
    readers: readers.filter(({ isFlowing }) => isFlowing).length,
    connected: clients.filter(({ client }) => client.state === 'connected').length,
  }),

  /** Connections that were lost since a time, of the members of these meetings or, without names, of all. */
  losses({ since, names = null }) {
    const members = names === null ? [] : inMeetings(names).filter(({ isSpectator }) => !isSpectator)
    const those = names === null ? clients : members.map(({ connection }) => connection)
    return those.flatMap(({ losses }) => losses.filter((at) => at >= since)).length
  },

  /** Holds all histories of a meeting against one another, and inputs against frames. */
  verify() {
    const byMeeting = new Map()
    for (const seat of seats)
      byMeeting.set(seat.meeting.name, [...(byMeeting.get(seat.meeting.name) ?? []), seat])
    let diverged = 0
    let worlds = 0
    for (const [name, all] of byMeeting) {
      if (new Set(all.map(({ epoch }) => epoch)).size > 1) {
        worlds++
        fail(`${name}: its members are in two epochs`)
        continue
      }
      const [first, ...others] = all
      for (const other of others) {
        const at = first.history.differsFrom(other.history)
        if (at === 0) continue
        diverged++
        fail(`${first.who} and ${other.who} have another frame ${at}`)
      }
    }
    const inputsWaiting = seats.reduce((sum, seat) => sum + seat.verify(), 0)
    return { diverged, worlds, inputsWaiting }
  },

  counts: () => ({
    ...counts,
    clients: clients.length,
    moves: clients.reduce((sum, { moves }) => sum + moves, 0),
    recovered: clients.reduce((sum, { recovered }) => sum + recovered, 0),
    readerGaps: readers.map(({ gaps }) => gaps),
    failures: [...failures],
    wrong,
    unsent,
    pending,
  }),

  /** Processor time so far, in milliseconds. */
  usage: () => usage(),

  close() {
    for (const { client } of clients) client.close()
  },
})
