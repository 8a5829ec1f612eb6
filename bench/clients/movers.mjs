import { WebSocket } from 'ws'
import { serve } from '../lib/child.mjs'
import { now, pace } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'

/*
 * Clients with the real library, some of them members of meetings: what they notice when their nodes are drained. Each
 * sees to it that it gets every frame once, and how its requests and inputs end.
 */

const clients = []
const members = []
const wrong = []
const counts = { frames: 0, gaps: 0, resets: 0, moves: 0, recovered: 0, asked: 0, answered: 0 }
/** When connections were lost, in milliseconds. */
const losses = []
const failures = new Map()
const reasons = new Map()
let stops = []
let hasBegun = false

const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1)
const pick = (list) => list[Math.floor(Math.random() * list.length)]
const fail = (why) => wrong.length < 20 && wrong.push(why)

async function start(connect, ticket, url, meetingName) {
  const client = connect({
    getTicket: () => {
      // Once the nodes are drained, it does not name one: the balancer chooses one that is ready.
      return hasBegun ? { ...ticket, url } : ticket
    },
    socket: (at, protocols) => new WebSocket(at, protocols, { perMessageDeflate: false }),
    maxBackoffMs: 500,
  })
  clients.push(client)
  client.onState((state) => {
    if (state === 'disconnected') losses.push(now())
  })
  client.onReconnect(({ recovered, reason }) => {
    counts.moves++
    if (recovered) counts.recovered++
    else count(reasons, reason)
  })
  if (meetingName === null) await connected(client)
  else follow(await client.join(meetingName), meetingName)
}

const connected = (client) =>
  new Promise((resolve) => {
    const forget = client.onState((state) => {
      if (state !== 'connected') return
      forget()
      resolve()
    })
  })

function follow(meeting, meetingName) {
  members.push(meeting)
  let last = 0
  const epoch = meeting.epoch
  meeting.onFrame(({ number }) => {
    if (last !== 0 && number !== last + 1) fail(`${meetingName}: frame ${number} came after ${last}`)
    last = number
    counts.frames++
  })
  meeting.onGap(() => counts.gaps++)
  meeting.onRejoin(() => {
    if (meeting.epoch !== epoch) counts.resets++
  })
  meeting.onEnd((error) => fail(`${meetingName} ended: ${error.message}`))
}

serve({
  async connect({ dist, tickets, url, meetings, perMeeting }) {
    const { connect } = await load(dist, 'client/node.js')
    const waiting = new Set()
    for (const [index, ticket] of tickets.entries()) {
      const name = index < meetings * perMeeting ? `m${index % meetings}` : null
      const started = start(connect, ticket, url, name).finally(() => waiting.delete(started))
      waiting.add(started)
      if (waiting.size >= 50) await Promise.race(waiting)
    }
    await Promise.all(waiting)
  },

  begin({ requestsPerSecond, inputsPerSecond }) {
    hasBegun = true
    stops = [
      pace(requestsPerSecond, () => {
        counts.asked++
        pick(clients)
          .request('echo', 1)
          .then(
            () => counts.answered++,
            (error) => count(failures, `request ${error.code}`),
          )
      }),
      pace(inputsPerSecond, () => {
        pick(members)
          .send(1)
          .catch((error) => count(failures, `input ${error.code}`))
      }),
    ]
  },

  stop() {
    for (const stop of stops) stop()
  },

  counts: () => ({
    ...counts,
    losses,
    wrong,
    failures: [...failures],
    reasons: [...reasons],
    connected: clients.filter(({ state }) => state === 'connected').length,
  }),

  /** How many connections are where. */
  where() {
    const places = {}
    for (const { node } of clients) places[node] = (places[node] ?? 0) + 1
    return places
  },

  close() {
    for (const client of clients) client.close()
  },
})
