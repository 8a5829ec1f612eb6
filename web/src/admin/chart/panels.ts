import { gauge, type Points, rates, type Sample } from '../numbers/history.ts'
import type { Reading } from '../numbers/reading.ts'
import { rate } from '../numbers/rates.ts'
import { format } from '../words/common.ts'
import { text } from '../words/overview.ts'

/** One line of a chart. */
export interface Series {
  readonly label: string
  readonly points: (samples: readonly Sample[]) => Points
}

/** One chart: lines of one unit. */
export interface Panel {
  readonly title: string
  readonly series: readonly Series[]
  readonly show: (value: number) => string
  /** The scale reaches at least this. */
  readonly least: number
  readonly binary?: boolean
  /** What else there is to say of the latest reading. */
  readonly note?: (reading: Reading) => string
}

type Read = (reading: Reading) => number | undefined

const metric =
  (name: string, label = ''): Read =>
  (reading) =>
    reading.get(`rtms_${name}`, label)
const total =
  (name: string): Read =>
  (reading) =>
    reading.total(`rtms_${name}`)

const level = (label: string, read: Read): Series => ({ label, points: (samples) => gauge(samples, read) })
const perSecond = (label: string, read: Read): Series => ({
  label,
  points: (samples) => rates(samples, read),
})
const inMs =
  (read: Read): Read =>
  (reading) => {
    const seconds = read(reading)
    return seconds === undefined ? undefined : seconds * 1000
  }

/** The mean of what a histogram took in between two samples, in milliseconds. */
const meanMs = (label: string, name: string): Series => ({
  label,
  points: (samples) => {
    const sums = rates(samples, metric(`${name}_sum`))
    return rates(samples, metric(`${name}_count`)).map((count, at) => {
      const sum = sums[at] ?? null
      return count === null || sum === null || count === 0 ? null : (sum / count) * 1000
    })
  },
})

const showRate = (value: number): string => `${format.short(value)}${text.perSecond}`
const showBytesRate = (value: number): string => `${format.bytes(value)}${text.perSecond}`

const counts = (title: string, ...series: Series[]): Panel => ({
  title,
  series,
  show: format.short,
  least: 5,
})
const flow = (title: string, ...series: Series[]): Panel => ({ title, series, show: showRate, least: 1 })
const time = (title: string, ...series: Series[]): Panel => ({
  title,
  series,
  show: format.milliseconds,
  least: 5,
})
const bytes = (title: string, ...series: Series[]): Panel => ({
  title,
  series,
  show: format.bytes,
  least: 1024,
  binary: true,
})

/** A line for the limit would press what is held to the bottom. */
function limitOf(reading: Reading): string {
  const limit = reading.get('rtms_log_bytes_limit')
  if (limit === undefined) return ''
  const share = (reading.get('rtms_log_bytes') ?? 0) / limit
  return `${text.limit} ${format.bytes(limit)}, ${text.used(format.share(share))}`
}

/** All charts, in groups. */
export const groups: readonly { readonly title: string; readonly panels: readonly Panel[] }[] = [
  {
    title: text.groups.people,
    panels: [
      counts(
        text.connections,
        level(text.connections, metric('connections')),
        level(text.sessions, metric('sessions')),
      ),
      flow(
        text.coming,
        perSecond(text.opened, metric('connections_opened_total')),
        perSecond(text.closed, total('connections_closed_total')),
        perSecond(text.resumed, metric('sessions_resumed_total')),
      ),
      counts(
        text.heldUp,
        level(text.handshakes, metric('handshakes')),
        level(text.stalled, metric('connections_stalled')),
      ),
    ],
  },
  {
    title: text.groups.traffic,
    panels: [
      flow(
        text.messages,
        perSecond(text.in, metric('messages_received_total')),
        perSecond(text.out, metric('messages_sent_total')),
      ),
      flow(
        text.packets,
        perSecond(text.in, metric('packets_received_total')),
        perSecond(text.out, metric('writes_total')),
      ),
      {
        ...bytes(
          text.bytes,
          perSecond(text.in, metric('bytes_received_total')),
          perSecond(text.out, metric('bytes_sent_total')),
        ),
        show: showBytesRate,
      },
    ],
  },
  {
    title: text.groups.work,
    panels: [
      flow(
        text.frames,
        perSecond(text.sealed, metric('frames_sealed_total')),
        perSecond(text.inputs, metric('inputs_framed_total')),
      ),
      flow(
        text.deliveries,
        perSecond(text.publications, metric('publications_total')),
        perSecond(text.pushes, metric('pushes_total')),
        perSecond(text.replies, metric('requests_ended_total')),
      ),
      flow(
        text.drops,
        perSecond(text.nacks, total('inputs_refused_total')),
        perSecond(text.refusedPublications, total('publications_refused_total')),
        perSecond(text.turnedAway, total('connections_refused_total')),
        perSecond(text.cuts, metric('log_cuts_total')),
      ),
    ],
  },
  {
    title: text.groups.strain,
    panels: [
      time(
        text.loop,
        level(text.median, inMs(metric('event_loop_delay_seconds', '0.5'))),
        level(text.p99, inMs(metric('event_loop_delay_seconds', '0.99'))),
        level(text.worst, inMs(metric('event_loop_delay_seconds', '1'))),
      ),
      time(
        text.sweeps,
        meanMs(text.sweepMean, 'sweep_seconds'),
        level(text.sweepLate, inMs(metric('sweep_lateness_seconds'))),
      ),
      flow(
        text.budget,
        perSecond(text.cutUp, metric('sweeps_cut_total', 'up')),
        perSecond(text.cutDown, metric('sweeps_cut_total', 'down')),
        perSecond(text.slipped, metric('frames_slipped_total')),
      ),
      bytes(
        text.waiting,
        level(text.upstream, metric('upstream_queue_bytes')),
        level(text.unacknowledged, metric('unacknowledged_bytes')),
      ),
      flow(
        text.stalls,
        perSecond(text.credit, metric('stalls_total', 'credit')),
        perSecond(text.socket, metric('stalls_total', 'socket')),
      ),
      { ...bytes(text.logs, level(text.held, metric('log_bytes'))), note: limitOf },
    ],
  },
]

/** The rate of a counter at the end of the samples. */
export function rateNow(samples: readonly Sample[], name: string): number | null {
  const [before, after] = samples.slice(-2)
  if (before === undefined || after === undefined || after.isFirst) return null
  return rate(before.reading.total(name) ?? 0, after.reading.total(name), after.at - before.at)
}
