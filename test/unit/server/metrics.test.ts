import { afterEach, describe, expect, it, vi } from 'vitest'
import { Buckets } from '../../../src/core/index.ts'
import type { RequestHandlers } from '../../../src/server/business/requests.ts'
import type { Host } from '../../../src/server/host.ts'
import { Metrics } from '../../../src/server/metrics.ts'
import type { RemoteKeys } from '../../../src/server/tickets/jwks.ts'
import { settled } from '../core/cluster/world.ts'
import { Harness, text } from '../core/harness.ts'

/* The values of the metrics, in their units: after activity, read twice, and after silence. */

/** What is beside the node: handlers, sweeps and an issuer's keys, with values of the test's. */
class Watched {
  readonly h: Harness
  readonly requests = { running: 0, times: new Buckets([10, 1_000]) }
  readonly bus = { stats: { dropped: 0, strangers: 0 } }
  readonly host: { node: Harness['node']; bus: object; sweepTimes: Buckets; lateness: number }
  readonly keys = { stats: { fetched: 0, failed: 0, at: performance.now() } }
  readonly metrics: Metrics

  constructor(h = new Harness()) {
    this.h = h
    this.host = { node: h.node, bus: this.bus, sweepTimes: new Buckets([1, 5]), lateness: 0 }
    this.metrics = new Metrics(
      this.host as unknown as Host,
      this.requests as unknown as RequestHandlers,
      this.keys as unknown as RemoteKeys,
    )
    open.push(this.metrics)
  }

  /** Each value by name and labels, without those that are 0 and those that time alone decides. */
  async read(): Promise<Record<string, number>> {
    const lines = (await this.metrics.text())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    const pairs = lines.map((line): [string, number] => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at).replace('rtms_', ''), Number(line.slice(at + 1))]
    })
    return Object.fromEntries(
      pairs.filter(([name, value]) => value !== 0 && !/^event_loop|^jwks_age/.test(name)),
    )
  }
}

const open: Metrics[] = []
afterEach(() => {
  for (const metrics of open.splice(0)) metrics.close()
})

const gauges = [
  'connections',
  'sessions',
  'meetings',
  'upstream_queue_bytes',
  'unacknowledged_bytes',
  'connections_stalled',
  'handlers_running',
  'handshakes',
]

/** A player plays, a reader reads, a request is answered and another one fails. */
function play({ h }: Watched) {
  h.node.openMeeting('m', { frameRate: 10, inputBurst: 3, inputsPerSecond: 10 }, h.now)
  const ann = h.connect('ann', { window: 100_000 })
  const bob = h.connect('bob')
  const { log } = h.seat(ann, 'm')
  h.listen(bob, 't')
  for (let seq = 1; seq <= 5; seq++) ann.input(log, seq)
  h.publish('t', 'x')
  h.node.push('bob', 'p', text('1'))
  ann.request('answered')
  ann.join('nowhere')
  h.settle()
  const [call] = h.application.requests.splice(0)
  if (call !== undefined) h.node.handleReply(call, { ok: true, value: text('r') }, h.now)
  h.advance(1_000)
  return { ann, bob }
}

describe('The metrics of a node', () => {
  it('are what was done, and no more when they are read again', async () => {
    const watched = new Watched()
    play(watched)
    const values = await watched.read()
    expect(values).toMatchObject({
      connections: 2,
      sessions: 2,
      meetings: 1,
      topics: 1,
      connections_opened_total: 2,
      sessions_opened_total: 2,
      inputs_received_total: 5,
      inputs_framed_total: 3,
      'inputs_refused_total{reason="RATE"}': 2,
      publications_total: 1,
      pushes_total: 1,
      requests_started_total: 1,
      requests_ended_total: 1,
      'calls_failed_total{call="join",reason="NOT_FOUND"}': 1,
    })
    const { stats } = watched.h.node
    expect(values['frames_sealed_total']).toBe(stats.framesSealed)
    expect(values['messages_sent_total']).toBe(stats.messagesOut)
    expect(values['bytes_sent_total']).toBe(stats.bytesOut)
    expect(values['unacknowledged_bytes']).toBe(watched.h.node.waiting.unacknowledgedBytes)
    expect(await watched.read()).toEqual(values)
  })

  it('show, after silence, nothing that is held, and still all that was done', async () => {
    const watched = new Watched()
    const { ann, bob } = play(watched)
    const before = await watched.read()
    ann.hangUp(true)
    bob.hangUp(true)
    watched.h.node.closeMeeting('m', watched.h.now)
    watched.h.advance(24 * 3_600_000)
    const after = await watched.read()
    expect(gauges.filter((name) => after[name] !== undefined)).toEqual([])
    const fallen = Object.entries(before).filter(
      ([name, value]) => /_total/.test(name) && (after[name] ?? 0) < value,
    )
    expect(fallen).toEqual([])
    expect(after).toMatchObject({ sessions_ended_total: 2, 'connections_closed_total{reason="LEFT"}': 2 })
  })

  it('are in seconds where they are times, and of histograms each bucket has those of the ones before', async () => {
    const watched = new Watched()
    for (const ms of [5, 10, 500, 2_500]) watched.requests.times.add(ms)
    for (const ms of [1, 2, 9]) watched.host.sweepTimes.add(ms)
    watched.host.lateness = 250
    watched.requests.running = 3
    watched.keys.stats.fetched = 4
    watched.keys.stats.failed = 1
    expect(await watched.read()).toMatchObject({
      'handler_seconds_bucket{le="0.01"}': 2,
      'handler_seconds_bucket{le="1"}': 3,
      'handler_seconds_bucket{le="+Inf"}': 4,
      handler_seconds_sum: 3.015,
      handler_seconds_count: 4,
      'sweep_seconds_bucket{le="0.001"}': 1,
      'sweep_seconds_bucket{le="0.005"}': 2,
      'sweep_seconds_bucket{le="+Inf"}': 3,
      sweep_seconds_sum: 0.012,
      sweep_seconds_count: 3,
      sweep_lateness_seconds: 0.25,
      handlers_running: 3,
      'jwks_fetches_total{outcome="ok"}': 4,
      'jwks_fetches_total{outcome="failed"}': 1,
    })
  })

  it('tell of the bus: whether it is up, what it lost, and strangers of the node and of the bus together', async () => {
    const { h, bus, ...watched } = new Watched()
    const values = async (): Promise<string[]> =>
      (await watched.metrics.text()).split('\n').filter((line) => line.startsWith('rtms_bus_'))
    expect(await values()).toEqual([
      'rtms_bus_strangers_total 0',
      'rtms_bus_dropped_total 0',
      'rtms_bus_up 0',
    ])
    h.node.inlet.back(0)
    h.node.inlet.sent(new Uint8Array(), 8, h.now)
    Object.assign(bus.stats, { dropped: 3, strangers: 4 })
    expect(await values()).toEqual([
      'rtms_bus_strangers_total 5',
      'rtms_bus_dropped_total 3',
      'rtms_bus_up 1',
      'rtms_bus_messages_total{direction="in",kind="other"} 1',
      'rtms_bus_bytes_total{direction="in",kind="other"} 0',
    ])
    h.node.inlet.down(h.now)
    expect(await values()).toContain('rtms_bus_up 0')
  })

  it('tell of the cluster: peers by state, names remembered, claims, searches and moves by how they ended', async () => {
    const world = settled(3)
    const [h, other] = world.nodes as [Harness, Harness]
    const values = async (): Promise<Record<string, number>> => {
      vi.spyOn(performance, 'now').mockReturnValue(world.now)
      const all = await new Watched(h).read()
      vi.restoreAllMocks()
      return Object.fromEntries(
        Object.entries(all).filter(([name]) => /^(peers|names|claims|searches|moves)/.test(name)),
      )
    }
    expect(await values()).toEqual({ 'peers{state="alive"}': 2 })
    const name = world.nameOf(h)
    for (const [node, opened] of [
      [h, name],
      [h, world.nameOf(other)],
      [other, name],
    ] as const)
      world.open(node, opened)
    world.open(h, world.nameOf(h, 'x'))
    h.node.closeMeeting(world.nameOf(h, 'x'), h.now)
    h.node.findMeeting({ name: 'nothing' }, world.now)
    world.settle()
    world.kill(other, false)
    world.advance(4_000)
    world.bus.cut(h.node.incarnation)
    world.open(h, 'late')
    world.advance(1_000)
    for (const how of ['asked', 'asked', 'asked', 'arrived', 'arrived', 'wrong'] as const)
      h.node.stats.move(how)
    expect(await values()).toEqual({
      'peers{state="alive"}': 1,
      'peers{state="silent"}': 1,
      names_remembered: 1,
      'claims_total{outcome="grant"}': 3,
      'claims_total{outcome="late"}': 1,
      'searches_total{outcome="nowhere"}': 1,
      'moves_total{outcome="asked"}': 3,
      'moves_total{outcome="arrived"}': 2,
      'moves_total{outcome="wrong"}': 1,
    })
  })

  it('tell each counter of the node, and no other for it', async () => {
    const watched = new Watched()
    const { stats } = watched.h.node
    const counters = {
      connections_opened_total: 'connectionsOpened',
      sessions_opened_total: 'sessionsOpened',
      sessions_resumed_total: 'sessionsResumed',
      sessions_ended_total: 'sessionsEnded',
      packets_received_total: 'packetsIn',
      messages_received_total: 'messagesIn',
      bytes_received_total: 'bytesIn',
      writes_total: 'writes',
      messages_sent_total: 'messagesOut',
      bytes_sent_total: 'bytesOut',
      'stalls_total{by="credit"}': 'creditStalls',
      'stalls_total{by="socket"}': 'socketStalls',
      inputs_received_total: 'inputsReceived',
      inputs_framed_total: 'inputsFramed',
      frames_sealed_total: 'framesSealed',
      frames_slipped_total: 'framesSlipped',
      publications_total: 'publications',
      pushes_total: 'pushes',
      session_entries_lost_total: 'sessionEntriesLost',
      requests_started_total: 'requestsStarted',
      requests_ended_total: 'requestsEnded',
      replies_discarded_total: 'repliesDiscarded',
      'sweeps_cut_total{direction="up"}': 'sweepsCutUp',
      'sweeps_cut_total{direction="down"}': 'sweepsCutDown',
    } as const
    // Each another number, and none of them 1, which is what a counter makes of nothing.
    const given = Object.entries(counters).map(([name, field], at) => ({ name, field, value: 101 + at }))
    for (const { field, value } of given) stats[field] = value
    const values = await watched.read()
    expect(given.map(({ name }) => [name, values[name]])).toEqual(
      given.map(({ name, value }) => [name, value]),
    )
  })

  it('tell how long the event loop stood still lately, in seconds, to everybody who reads them', async () => {
    const watched = new Watched()
    const delays = async (): Promise<number[]> => {
      const lines = (await watched.metrics.text()).matchAll(/^rtms_event_loop_delay_seconds\{.*\} (\S+)$/gm)
      return [...lines].map(([, value]) => Number(value))
    }
    expect(await delays()).toEqual([0, 0, 0, 0])
    await new Promise((resolve) => setTimeout(resolve, 40))
    const until = performance.now() + 200
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 40))
    const [median = NaN, , , most = NaN] = await delays()
    expect(median).toBeGreaterThanOrEqual(0)
    expect(median).toBeLessThanOrEqual(most)
    expect(most).toBeGreaterThan(0.15)
    expect(most).toBeLessThan(20)
    expect((await delays())[3]).toBeGreaterThanOrEqual(most)
  })

  it('tell the age of an issuer’s keys in seconds', async () => {
    const watched = new Watched()
    watched.keys.stats.at = performance.now() - 90_000
    const [, age] = /^rtms_jwks_age_seconds (\S+)/m.exec(await watched.metrics.text()) ?? []
    expect(Number(age)).toBeGreaterThanOrEqual(90)
    expect(Number(age)).toBeLessThan(120)
  })

  it('are the same as objects and as text', async () => {
    const watched = new Watched()
    watched.host.sweepTimes.add(3)
    play(watched)
    const values = await watched.read()
    for (const { type, values: list } of await watched.metrics.measure())
      for (const { name, labels, value } of list) {
        if (value === 0 || /event_loop|jwks_age/.test(name)) continue
        const tags = Object.entries(labels).map(([label, tag]) => `${label}="${tag}"`)
        const full = name.replace('rtms_', '') + (tags.length === 0 ? '' : `{${tags.join(',')}}`)
        expect([full, type, value]).toEqual([
          full,
          expect.stringMatching(/^(gauge|counter|histogram)$/),
          values[full],
        ])
      }
  })
})

describe('The lateness of frames', () => {
  it('is that of this second and the one before, and none after silence', () => {
    const { h } = new Watched()
    h.node.openMeeting('m', { frameRate: 10 }, h.now)
    h.seat(h.connect('ann'), 'm')
    h.advance(1_000)
    expect(h.node.stats.lateness(h.now)).toBeLessThan(1)
    h.stall(400)
    h.settle()
    const late = h.node.stats.lateness(h.now)
    expect(late).toBeGreaterThan(300)
    expect(late).toBeLessThanOrEqual(400)
    h.advance(2_000)
    expect(h.node.stats.lateness(h.now)).toBeLessThan(1)
  })
})
