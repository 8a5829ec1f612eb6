import { Counter, Gauge, type Metric as OfLibrary, Registry } from 'prom-client'
import type { Buckets, RtmsNode, Stats } from '../core/index.ts'
import type { Metric, MetricType } from './api/operation.ts'
import type { RequestHandlers } from './business/requests.ts'
import { LoopDelay } from './ground/loop-delay.ts'
import type { Host } from './host.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { addCounter, addGauge } from './read-metrics.ts'
import type { RemoteKeys } from './tickets/jwks.ts'

const QUANTILES: readonly number[] = [0.5, 0.9, 0.99, 1]

/**
 * A node's metrics for Prometheus. All of them are read from counters on request, so watching costs the node nothing;
 * the event loop is watched from the first request on.
 */
export class Metrics {
  readonly #registry: Registry = new Registry()
  #delay: LoopDelay | null = null
  #reading: Promise<string> | null = null

  /** `hasProcess`: with the metrics of the process. */
  constructor(host: Host, requests: RequestHandlers, keys: RemoteKeys | null, hasProcess = false) {
    if (hasProcess) addProcessMetrics(this.#registry)
    const { node } = host
    const { stats } = node
    this.#gauge('connections', 'Connections that are open.', () => node.connections)
    this.#gauge('sessions', 'Sessions, with those that wait for a connection.', () => node.sessions)
    this.#gauge('meetings', 'Meetings that are open.', () => node.meetingCount)
    this.#gauge('topics', 'Topics that are kept.', () => node.topics)
    const all = 'Bytes held for users, topics and meetings, at what they weigh in memory.'
    this.#gauge('log_bytes', all, () => node.logs.bytes)
    for (const payer of ['user', 'topic', 'meeting'] as const)
      this.#gauge(`${payer}_bytes`, `The part of log_bytes of all ${payer}s.`, () => node.logs.of[payer])
    const limit = 'What log_bytes may be: limits.logBytes.'
    this.#gauge('log_bytes_limit', limit, () => node.logs.limit)
    this.#counter(
      'log_cuts_total',
      'Users, topics and meetings cut short because log_bytes reached its limit.',
      () => node.logs.cuts,
    )
    const dropped = 'Latest values of topics dropped in such cuts.'
    this.#counter('values_dropped_total', dropped, () => node.logs.valuesDropped)
    this.#gauge('timers', 'Deadlines that are set.', () => node.timers)
    const waiting = 'Bytes that wait in upstream queues.'
    this.#gauge('upstream_queue_bytes', waiting, () => node.waiting.upstreamBytes)
    const owed = 'Bytes written to connections that their clients have not acknowledged.'
    this.#gauge('unacknowledged_bytes', owed, () => node.waiting.unacknowledgedBytes)
    const stalled = 'Connections that wait for credit or for their socket.'
    this.#gauge('connections_stalled', stalled, () => node.waiting.stalled)
    this.#gauge('handlers_running', 'Request handlers that run.', () => requests.running)

    this.#counter('connections_opened_total', 'Connections opened.', () => stats.connectionsOpened)
    this.#counters('connections_closed_total', 'Connections closed.', 'reason', () => stats.connectionsLost)
    this.#gauge('handshakes', 'Connections that wait for their welcome.', () => node.admission.newcomers)
    this.#gauge('addresses', 'Addresses that connections are counted by.', () => node.admission.addresses)
    const turned = 'Connections turned away, by what there was too much of.'
    this.#counters('connections_refused_total', turned, 'by', () => stats.connectionsRefused)
    this.#counter('sessions_opened_total', 'Sessions opened.', () => stats.sessionsOpened)
    this.#counter('sessions_resumed_total', 'Sessions resumed.', () => stats.sessionsResumed)
    const given = 'Sessions handed over to other nodes: those of clients that connect there.'
    this.#counter('sessions_given_total', given, () => stats.sessionsGiven)
    const taken = 'Sessions taken over from other nodes.'
    this.#counter('sessions_taken_total', taken, () => stats.sessionsTaken)
    this.#counter('sessions_ended_total', 'Sessions ended.', () => stats.sessionsEnded)
    for (const [of, outcomes] of [
      ['session', stats.sessionResumes],
      ['meeting', stats.meetingResumes],
      ['topic', stats.topicResumes],
    ] as const) {
      const help = `Clients that asked to go on with a ${of}, by outcome: recovered, or why something is missing.`
      this.#counters(`${of}_resumes_total`, help, 'outcome', () => outcomes)
    }

    this.#counter('packets_received_total', 'Packets received.', () => stats.packetsIn)
    this.#counter('messages_received_total', 'Messages received.', () => stats.messagesIn)
    this.#counter('bytes_received_total', 'Bytes of packets received.', () => stats.bytesIn)
    this.#counter('writes_total', 'Packets written to connections.', () => stats.writes)
    const sent = 'Messages written to connections; a batch of frames or publications is one.'
    this.#counter('messages_sent_total', sent, () => stats.messagesOut)
    this.#counter('bytes_sent_total', 'Bytes of packets written.', () => stats.bytesOut)
    const stalls = 'How often writing to a connection stopped: for want of credit, or for its socket.'
    this.#counters('stalls_total', stalls, 'by', () => [
      ['credit', stats.creditStalls],
      ['socket', stats.socketStalls],
    ])

    this.#counter('inputs_received_total', 'Inputs received.', () => stats.inputsReceived)
    this.#counter('inputs_framed_total', 'Inputs sealed into frames.', () => stats.inputsFramed)
    this.#counters('inputs_refused_total', 'Inputs refused or dropped.', 'reason', () => stats.inputsRefused)
    this.#counter('frames_sealed_total', 'Frames sealed.', () => stats.framesSealed)
    this.#counter('frames_slipped_total', 'Frames whose time passed unused.', () => stats.framesSlipped)
    this.#histogram('frame_lateness_seconds', 'How late frames were sealed.', stats.sealing)

    this.#counter('publications_total', 'Publications taken into topics.', () => stats.publications)
    const refused = 'Publications not taken.'
    this.#counters('publications_refused_total', refused, 'reason', () => stats.publicationsRefused)
    const gaps = 'GAPs told to readers: SLOW, RETENTION and BUS of topics, NO_SNAPSHOT of meetings.'
    this.#counters('gaps_total', gaps, 'reason', () => stats.gaps)
    const skipped =
      'Publications (SLOW) and frames (NO_SNAPSHOT) that readers did not get, as their GAPs say.'
    this.#counters('entries_skipped_total', skipped, 'reason', () => stats.entriesSkipped)
    const strangers = 'Messages on the bus that no node of this cluster can have sent.'
    this.#counter('bus_strangers_total', strangers, () => stats.strangers + host.bus.stats.strangers)
    const unsent = 'Messages to other nodes that were not sent, or may not have been.'
    this.#counter('bus_dropped_total', unsent, () => host.bus.stats.dropped)
    const up = 'Whether the bus to the other nodes carries messages: 1 or 0. 1 for a node alone.'
    this.#gauge('bus_up', up, () => Number(node.inlet.isUp))
    this.#traffic(stats)
    if (node.cluster !== null) this.#cluster(node.cluster, stats)
    if (node.peering !== null) this.#peering(node.peering)
    this.#counter('pushes_total', 'Pushes, one for each session reached.', () => stats.pushes)
    const lost =
      'Answers, pushes and other entries of session logs that were gone when their session came back.'
    this.#counter('session_entries_lost_total', lost, () => stats.sessionEntriesLost)
    const failed = 'Calls of clients that failed, by kind and reason; of a subscribe each topic is one.'
    this.#labelled('calls_failed_total', failed, ['call', 'reason'], () => callsOf(stats))
    this.#counter('requests_started_total', 'Requests started.', () => stats.requestsStarted)
    this.#counter('requests_ended_total', 'Requests ended.', () => stats.requestsEnded)
    const late = 'Answers of handlers that came when nobody waited any more.'
    this.#counter('replies_discarded_total', late, () => stats.repliesDiscarded)
    this.#histogram('handler_seconds', 'How long request handlers took.', requests.times)

    this.#histogram('sweep_seconds', 'How long sweeps took.', host.sweepTimes)
    const cut = 'Sweeps whose budget was spent before all was delivered.'
    this.#counters('sweeps_cut_total', cut, 'direction', () => [
      ['up', stats.sweepsCutUp],
      ['down', stats.sweepsCutDown],
    ])
    this.#gauge('sweep_lateness_seconds', 'The worst of the last five seconds.', () => host.lateness / 1000)
    if (keys !== null) this.#keys(keys)
    this.#eventLoop()
  }

  #traffic(stats: Stats): void {
    for (const unit of ['messages', 'bytes'] as const) {
      const what = unit === 'bytes' ? 'Bytes of messages' : 'Messages'
      const help = `${what} to (out) and from (in) other nodes, by what they are about.`
      this.#labelled(`bus_${unit}_total`, help, ['direction', 'kind'], function* () {
        for (const [direction, traffic] of [
          ['out', stats.busOut],
          ['in', stats.busIn],
        ] as const)
          for (const [kind, count] of traffic) yield [{ direction, kind }, count[unit]]
      })
    }
  }

  #peering(peering: NonNullable<RtmsNode['peering']>): void {
    const unconfirmed = 'Bytes of messages to other nodes that these have not confirmed.'
    this.#gauge('link_bytes', unconfirmed, () => peering.links.bytes)
    const copies = 'Copies that this node has of meetings of other nodes, for its own clients.'
    this.#gauge('replicas', copies, () => peering.mesh.size.replicas)
    const remote = 'Members of meetings of this node that are connected to other nodes.'
    this.#gauge('remote_members', remote, () => peering.mesh.size.hosted.members)
    const homes = 'Users whose sessions on other nodes this node remembers, once for each of those nodes.'
    this.#gauge('home_users', homes, () => peering.homes.size)
    this.#gauge(
      'questions_open',
      'Questions to other nodes without an answer yet.',
      () => peering.questions.size,
    )
  }

  #cluster(cluster: NonNullable<RtmsNode['cluster']>, stats: Stats): void {
    const peers = 'Other nodes of the cluster, without those that are known to have ended, by state.'
    this.#labelled(
      'peers',
      peers,
      ['state'],
      () => {
        const { alive, silent } = cluster.census(performance.now())
        return [
          [{ state: 'alive' }, alive],
          [{ state: 'silent' }, silent],
        ]
      },
      Gauge,
    )
    const broken = 'Links to other nodes that broke: what was under way was lost, and both ends began anew.'
    this.#counter('links_broken_total', broken, () => stats.linksBroken)
    const handovers =
      'Meetings handed over to other nodes (given), and taken over from them; offers that another node refused.'
    this.#labelled('handovers_total', handovers, ['outcome'], () => [
      [{ outcome: 'given' }, stats.handoversGiven],
      [{ outcome: 'taken' }, stats.handoversTaken],
      [{ outcome: 'refused' }, stats.handoversRefused],
    ])
    const revived =
      'Meetings whose node had ended and that this one went on with: in the same epoch, or in a new one.'
    this.#labelled('meetings_revived_total', revived, ['epoch'], () => [
      [{ epoch: 'same' }, stats.meetingsRevived],
      [{ epoch: 'new' }, stats.meetingsForked],
    ])
    const paused = 'How many times a meeting of this node was paused, since too few supported its owner.'
    this.#counter('meetings_paused_total', paused, () => stats.meetingsPaused)
    const deposed = 'Meetings that this node has given up, since another owner of the name came before it.'
    this.#counter('meetings_deposed_total', deposed, () => stats.meetingsDeposed)
    const moves =
      'Moves of clients to the node of their meeting: asked for here; arrived here; led here, where the meeting is not.'
    this.#counters('moves_total', moves, 'outcome', () => stats.moves)
    const names = 'Names of meetings whose owners this node remembers for the cluster.'
    this.#gauge('names_remembered', names, () => cluster.remembered)
    const claims =
      'Claims of this node for names: granted, taken by another node, or without an answer in time.'
    this.#counters('claims_total', claims, 'outcome', () => stats.claims)
    const searches = 'Questions of this node where a meeting is, by answer.'
    this.#counters('searches_total', searches, 'outcome', () => stats.searches)
  }

  #keys({ stats }: RemoteKeys): void {
    const help = 'How often the keys of the issuer were fetched, by outcome.'
    this.#counters('jwks_fetches_total', help, 'outcome', () => [
      ['ok', stats.fetched],
      ['failed', stats.failed],
    ])
    const age = 'How long ago the keys in use were fetched.'
    this.#gauge('jwks_age_seconds', age, () => (performance.now() - stats.at) / 1000)
  }

  /** All of them, as text. Who asks while they are being read gets the same text. */
  text(): Promise<string> {
    this.#watch()
    this.#reading ??= this.#read()
    return this.#reading
  }

  async #read(): Promise<string> {
    try {
      return await this.#registry.metrics()
    } finally {
      this.#reading = null
    }
  }

  /** All of them, as objects. */
  async measure(): Promise<Metric[]> {
    this.#watch()
    const metrics = await this.#registry.getMetricsAsJSON()
    return metrics.map(({ name, help, type, values }) => ({
      name,
      help,
      // A histogram made here does not state its type.
      type: (type as unknown as MetricType | undefined) ?? 'histogram',
      values: values.map((each) => ({
        name: (each as { readonly metricName?: string }).metricName ?? name,
        labels: each.labels as Readonly<Record<string, string | number>>,
        value: each.value,
      })),
    }))
  }

  #watch(): void {
    this.#delay ??= new LoopDelay()
  }

  /** Stops watching the event loop. */
  close(): void {
    this.#delay?.close()
  }

  #gauge(name: string, help: string, read: () => number): void {
    addGauge(this.#registry, `rtms_${name}`, help, read)
  }

  #counter(name: string, help: string, read: () => number): void {
    addCounter(this.#registry, `rtms_${name}`, help, read)
  }

  #counters(
    name: string,
    help: string,
    label: string,
    read: () => Iterable<readonly [string, number]>,
  ): void {
    this.#labelled(name, help, [label], function* () {
      for (const [value, count] of read()) yield [{ [label]: value }, count]
    })
  }

  #labelled(
    name: string,
    help: string,
    labelNames: string[],
    read: () => Iterable<readonly [Readonly<Record<string, string>>, number]>,
    Kind: typeof Counter | typeof Gauge = Counter,
  ): void {
    const metric = new Kind({
      name: `rtms_${name}`,
      help,
      labelNames,
      registers: [],
      collect() {
        this.reset()
        for (const [labels, count] of read()) this.inc(labels, count)
      },
    })
    this.#registry.registerMetric(metric)
  }

  /** A histogram of milliseconds, reported in seconds. The library's own histogram cannot be given counts. */
  #histogram(name: string, help: string, buckets: Buckets): void {
    const metric = { name: `rtms_${name}`, help, get: () => Promise.resolve(histogramOf(metric, buckets)) }
    this.#registry.registerMetric(metric as unknown as OfLibrary)
  }

  #eventLoop(): void {
    const delay = (): LoopDelay | null => this.#delay
    const metric = new Gauge({
      name: 'rtms_event_loop_delay_seconds',
      help: 'Delay of the event loop in the last half minute at least, by quantile.',
      labelNames: ['quantile'],
      registers: [],
      collect() {
        for (const quantile of QUANTILES) this.set({ quantile }, delay()?.quantile(quantile) ?? 0)
      },
    })
    this.#registry.registerMetric(metric)
  }
}

function* callsOf({ callsFailed }: Stats): Generator<[{ call: string; reason: string }, number]> {
  for (const [call, reasons] of callsFailed)
    for (const [reason, count] of reasons) yield [{ call, reason }, count]
}

/** The form of a metric that the registry renders as text. */
function histogramOf(
  { name, help }: { name: string; help: string },
  { bounds, counts, sum }: Buckets,
): object {
  let count = 0
  const values = [...bounds, Infinity].map((bound, at) => {
    count += counts[at] as number
    const le = bound === Infinity ? '+Inf' : String(bound / 1000)
    return { metricName: `${name}_bucket`, labels: { le }, value: count }
  })
  const totals = [
    { metricName: `${name}_sum`, labels: {}, value: sum / 1000 },
    { metricName: `${name}_count`, labels: {}, value: count },
  ]
  return { name, help, type: 'histogram', values: [...values, ...totals] }
}
