import { serve } from '../lib/child.mjs'
import { now, sleep } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'
import { Samples } from '../lib/samples.mjs'

/* Clients far from the nodes, with the client library: readers of a price, and members of a meeting. */

let connect
let clients = []

async function open({ dist, tickets }) {
  connect ??= (await load(dist, 'client/node.js')).connect
  clients = tickets.map((ticket) => connect({ getTicket: () => ticket }))
  return clients
}

function close() {
  for (const client of clients.splice(0)) client.close()
}

/** Which node each client is on: how many are on each. */
function nodes() {
  const count = {}
  for (const { node } of clients) count[node] = (count[node] ?? 0) + 1
  return count
}

serve({
  /** From nothing to the latest price, one client after the other. */
  async firstValue({ dist, tickets }) {
    const took = new Samples()
    for (const ticket of tickets) {
      const begun = now()
      const [client] = await open({ dist, tickets: [ticket] })
      await new Promise((resolve) => client.subscribe('price', resolve, { conflate: true }))
      took.push(now() - begun)
      close()
    }
    return took.summary()
  },

  /** Readers that stay. Resolves once each has a price. */
  async read({ dist, tickets }) {
    await open({ dist, tickets })
    await Promise.all(clients.map((client) => new Promise((resolve) => client.subscribe('price', resolve))))
    return nodes()
  },

  /** How old prices are when they arrive. */
  async ages({ seconds }) {
    const ages = new Samples()
    const ends = clients.map((client) => client.subscribe('price', ({ at }) => ages.push(now() - at)))
    await sleep(seconds * 1_000)
    for (const end of ends) end()
    return ages.summary()
  },

  /** Members of the meeting, each with inputs: from `send` to the member's own frame. */
  async play({ dist, tickets, inputs, everyMs }) {
    await open({ dist, tickets })
    const meetings = await Promise.all(clients.map((client) => client.join('room')))
    for (const meeting of meetings) meeting.onFrame(() => {})
    const on = nodes()
    const took = new Samples()
    const send = async (meeting) => {
      const begun = now()
      await meeting.send({ hit: 1 })
      took.push(now() - begun)
    }
    for (let n = 0; n < inputs; n++) {
      // Not in step with the frames.
      await sleep(everyMs + (n % 7) * 3)
      await Promise.all(meetings.map(send))
    }
    return { nodes: on, ...took.summary() }
  },

  /** Waits until every client has a price from another node than `node`; the longest time between two prices of each. */
  async leave({ node }) {
    const gaps = new Samples()
    await Promise.all(
      clients.map(
        (client) =>
          new Promise((resolve) => {
            let last = now()
            let longest = 0
            const end = client.subscribe('price', () => {
              longest = Math.max(longest, now() - last)
              last = now()
              if (client.node === node) return
              end()
              gaps.push(longest)
              resolve()
            })
          }),
      ),
    )
    return { nodes: nodes(), ...gaps.summary() }
  },

  nodes,
  close,
})
