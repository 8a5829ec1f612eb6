import { Child } from './child.mjs'
import { sleep } from './clock.mjs'
import { NODES } from './fleet.mjs'
import { fixed } from './report.mjs'

/**
 * Meetings on all nodes of a fleet, with their members, a spectator of each on another node, and readers of a topic on
 * each node: what they notice of a fault.
 */
export class Survivors {
  child = new Child('clients/survivors.mjs')
  #fleet

  /** Opens meetings in turn on nodes, those of `owners`, and joins them. @param {import('./fleet.mjs').Fleet} fleet */
  async join(
    fleet,
    { dist, meetings, perMeeting, spectators = 0, readers = 0, standby = 1, owners = NODES.length },
  ) {
    this.#fleet = fleet
    this.names = Array.from({ length: meetings }, (_, n) => `m${n}`)
    const tickets = new Map()
    const needed = meetings * (perMeeting + spectators) + readers
    for (const [at, name] of NODES.entries()) {
      const names = this.names.filter((_, n) => n % owners === at)
      await fleet.node(name).call('open', { names, standby })
      tickets.set(name, await fleet.node(name).call('tickets', { count: needed }))
    }
    // Each user has one connection; a ticket leads to the node that has issued it.
    let user = 0
    const ticketOf = (n) => tickets.get(NODES[n % NODES.length])[user++]
    const join = []
    for (const [n, meeting] of this.names.entries()) {
      for (let member = 0; member < perMeeting; member++) join.push({ ticket: ticketOf(n % owners), meeting })
      for (let spectator = 1; spectator <= spectators; spectator++)
        join.push({ ticket: ticketOf((n % owners) + spectator), meeting, spectator: true })
    }
    const read = Array.from({ length: readers }, (_, n) => ({ ticket: ticketOf(n), topic: 'numbers' }))
    await this.child.call('connect', { dist, at: fleet.url, join, read }, 300_000)
  }

  /** The meetings that are open on a node. */
  on(node) {
    return this.#fleet.node(node).call('owns', { names: this.names })
  }

  call(method, args) {
    return this.child.call(method, args)
  }

  /** Waits until all get what they follow, for so long at the most. Returns how long it took, or null. */
  async flows(withinMs, everyMs = 50) {
    const begun = performance.now()
    const { clients, readerGaps } = await this.call('counts')
    for (;;) {
      const { seats, readers, connected } = await this.call('flowing')
      const took = performance.now() - begun
      if (seats + readerGaps.length === clients && readers === readerGaps.length && connected === clients)
        return took
      if (took > withinMs) return null
      await sleep(everyMs)
    }
  }

  /**
   * Ends all that is sent, and holds what everybody has against one another: what is the same for each fault.
   *
   * @param {import('./promises.mjs').Promises} promises
   */
  async check(promises) {
    await this.call('stop')
    // What waits for an answer has its time.
    for (let tries = 0; tries < 60; tries++) {
      const { pending } = await this.call('counts')
      const { inputsWaiting } = await this.call('verify')
      if (pending === 0 && inputsWaiting === 0) break
      await sleep(500)
    }
    const { diverged, worlds, inputsWaiting } = await this.call('verify')
    const counts = await this.call('counts')
    promises.check(
      'frames missed, doubled or undone though stable; inputs lost, doubled or wrongly refused',
      '0',
      `${counts.wrong.length} of ${counts.frames} and ${counts.sent}`,
      counts.wrong.length === 0,
    )
    promises.check(
      'members with other frames; meetings in two worlds',
      '0',
      `${diverged}; ${worlds}`,
      diverged + worlds === 0,
    )
    const open = counts.pending + inputsWaiting
    promises.check(
      'requests and inputs that never ended',
      '0',
      `${open} of ${counts.asked + counts.sent}`,
      open === 0,
    )
    const lies = []
    for (const node of this.#fleet.nodes.values())
      lies.push(...(await node.call('answered', { requests: counts.unsent })))
    promises.check(
      'requests that ended NOT_SENT and were answered',
      '0',
      `${lies.length} of ${counts.unsent.length}`,
      lies.length === 0,
    )
    promises.note('frames that were undone; new epochs', '', `${counts.rewound}; ${counts.resets}`)
    for (const [why, times] of counts.failures) console.log(`${times} × ${why}`)
    for (const why of counts.wrong) console.log(why)
    return counts
  }

  async stop() {
    await this.child.stop()
  }
}

/** p50, p99 and the longest of some times, as text. */
export function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
  const [p50, p99, max] = [at(0.5), at(0.99), sorted.at(-1) ?? 0]
  return { p50, p99, max, text: `${fixed(p50, 0)}, ${fixed(p99, 0)} and ${fixed(max, 0)} ms` }
}
