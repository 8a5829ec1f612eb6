import { serve } from '../lib/child.mjs'
import { now, pace, usage } from '../lib/clock.mjs'
import { connected } from '../lib/connected.mjs'
import { LightSocket } from '../lib/light-socket.mjs'
import { load } from '../lib/product.mjs'
import { Samples } from '../lib/samples.mjs'

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
/** Sockets that were made by clients which were connected: they were asked to move. */
const moves = []
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
    socket: (at, protocols) => {
      const socket = new LightSocket(at, protocols)
      if (hasBegun && client.state === 'connected') moves.push(socket)
      return socket
    },
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

  /**
   * What a move is made of, in milliseconds: from being asked until the other socket is open, then until nothing else
   * is waited for and the HELLO is sent, then until the WELCOME; and sockets that did not come so far.
   */
  steps() {
    const steps = { open: new Samples(), hello: new Samples(), welcome: new Samples() }
    const stuck = { opening: 0, waiting: 0, greeting: 0 }
    for (const { made, opened, greeted, heard } of moves) {
      if (opened > 0) steps.open.push(opened - made)
      else stuck.opening++
      if (greeted > 0) steps.hello.push(greeted - opened)
      else if (opened > 0) stuck.waiting++
      if (greeted > 0 && heard > 0) steps.welcome.push(heard - greeted)
      else if (greeted > 0) stuck.greeting++
    }
    const { open, hello, welcome } = steps
    return {
      asked: moves.length,
      stuck,
      open: open.summary(),
      hello: hello.summary(),
      welcome: welcome.summary(),
    }
  },

  usage: () => usage(),

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
