import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Experiment } from './experiment.ts'
import { Strip } from './strip.tsx'
import { cursorOf, isStalled } from './view.ts'
import { type Lane, Wire } from './wire.tsx'
import { kib, text } from './words.ts'

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

interface Layout {
  readonly width: number
  readonly height: number
  readonly server: Box
  readonly client: Box
  readonly down: Lane
  readonly up: Lane
  /** Where the state of the wire is written. */
  readonly sign: readonly [x: number, y: number]
  /** The upstream queue stands beside the credit, or below it. */
  readonly beside: boolean
}

const wide: Layout = {
  width: 1060,
  height: 392,
  server: { x: 1, y: 1, width: 640, height: 390 },
  client: { x: 789, y: 1, width: 270, height: 390 },
  down: { from: [648, 150], to: [782, 150] },
  up: { from: [782, 322], to: [648, 322] },
  sign: [715, 240],
  beside: true,
}

const narrow: Layout = {
  width: 360,
  height: 912,
  server: { x: 1, y: 1, width: 358, height: 450 },
  client: { x: 1, y: 541, width: 358, height: 370 },
  down: { from: [120, 457], to: [120, 535] },
  up: { from: [240, 535], to: [240, 457] },
  sign: [180, 500],
  beside: false,
}

const PAD = 18

function useLayout(): Layout {
  const [query] = useState(() => matchMedia('(max-width: 50rem)'))
  const [isNarrow, setNarrow] = useState(query.matches)
  useEffect(() => {
    const change = (): void => setNarrow(query.matches)
    query.addEventListener('change', change)
    return () => query.removeEventListener('change', change)
  }, [query])
  return isNarrow ? narrow : wide
}

/** The connection as it is: all of it from what the server says and what this page received. */
export function Picture({ experiment }: { readonly experiment: Experiment }) {
  const layout = useLayout()
  const { line, state, view } = experiment
  const stalled = isStalled(view)
  const wire = stalled ? 'stalled' : state
  return (
    <svg
      class="picture"
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      role="img"
      aria-label={`${text.picture}: ${stalled ? text.stalledWire : text.wire[state]}`}
      data-wire={wire}
    >
      <Server layout={layout} experiment={experiment} />
      <Cable lane={layout.down} broken={state !== 'connected'} />
      <Cable lane={layout.up} broken={state !== 'connected'} />
      <Wire line={line} down={layout.down} up={layout.up} />
      <text class={`sign ${wire}`} x={layout.sign[0]} y={layout.sign[1]} text-anchor="middle">
        {stalled ? text.stalledWire : text.wire[state]}
      </text>
      <Page layout={layout} experiment={experiment} />
    </svg>
  )
}

function Frame({
  box,
  title,
  children,
}: {
  readonly box: Box
  readonly title: string
  readonly children: ComponentChildren
}) {
  return (
    <g transform={`translate(${box.x} ${box.y})`}>
      <rect class="box" width={box.width} height={box.height} rx="14" />
      <g transform={`translate(${PAD} 0)`}>
        <text class="title" y="30">
          {title}
        </text>
        {children}
      </g>
    </g>
  )
}

function Cable({ lane: { from, to }, broken }: { readonly lane: Lane; readonly broken: boolean }) {
  return <path class={broken ? 'cable broken' : 'cable'} d={`M${from.join(' ')}L${to.join(' ')}`} />
}

function Server({ layout, experiment }: { readonly layout: Layout; readonly experiment: Experiment }) {
  const { view, frame, entry } = experiment
  const width = layout.server.width - 2 * PAD
  const meeting = cursorOf(view, 'meeting')
  const topic = cursorOf(view, 'topic')
  const { beside } = layout
  const half = beside ? 370 : width
  return (
    <Frame box={layout.server} title={text.server}>
      <Strip
        id="meeting"
        y={54}
        width={width}
        label={text.meetingLog}
        head={meeting === null ? (view?.frame ?? 0) : meeting.next - 1}
        cursor={meeting}
        read={frame}
      />
      <Strip
        id="topic"
        y={182}
        width={width}
        label={text.topicLog}
        head={topic === null ? (view?.published ?? 0) : topic.next - 1}
        cursor={topic}
        read={entry}
      />
      <Gauge
        y={310}
        x={0}
        width={half}
        label={text.credit}
        used={view?.session?.unacknowledgedBytes ?? 0}
        all={view?.session?.window ?? 0}
      />
      <Queue
        x={beside ? 400 : 0}
        y={beside ? 310 : 380}
        width={beside ? width - 400 : width}
        label={text.upstream}
        said={text.waitingUp(view?.session?.waiting.messages ?? 0)}
        share={(view?.session?.waiting.messages ?? 0) / 256}
      />
    </Frame>
  )
}

interface BarProps {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly label: string
}

function Gauge({
  x,
  y,
  width,
  label,
  used,
  all,
}: BarProps & { readonly used: number; readonly all: number }) {
  const share = all === 0 ? 0 : used / all
  const said = all === 0 ? '–' : text.of(kib(used), kib(all))
  return <Bar {...{ x, y, width, label, said, share }} kind={share >= 1 ? 'full' : ''} />
}

function Queue({ said, share, ...bar }: BarProps & { readonly said: string; readonly share: number }) {
  return <Bar {...bar} said={said} share={share} kind="queue" />
}

function Bar({
  x,
  y,
  width,
  label,
  said,
  share,
  kind,
}: BarProps & { readonly said: string; readonly share: number; readonly kind: string }) {
  return (
    <g class={`bar ${kind}`} transform={`translate(${x} ${y})`}>
      <text class="label" y="10">
        {label}
      </text>
      <rect class="all" y="20" width={width} height="14" rx="7" />
      <rect class="done" y="20" width={width * Math.min(1, share)} height="14" rx="7" />
      <text class="said" y="52">
        {said}
      </text>
    </g>
  )
}

function Page({ layout, experiment }: { readonly layout: Layout; readonly experiment: Experiment }) {
  const { line, frame, entry, underWay } = experiment
  const width = layout.client.width - 2 * PAD
  const held = line.heldPackets
  return (
    <Frame box={layout.client} title={text.client}>
      <Taken y={54} width={width} label={text.framesRead} last={frame} />
      <Taken y={134} width={width} label={text.entriesRead} last={entry} />
      <Bar
        x={0}
        y={222}
        width={width}
        label={held > 0 ? text.held(held, kib(line.heldBytes)) : text.notHeld}
        said=""
        share={line.heldBytes / 16_384}
        kind={line.stopped ? 'full' : ''}
      />
      <Bar
        x={0}
        y={310}
        width={width}
        label={text.unanswered(underWay)}
        said=""
        share={underWay / 300}
        kind="queue"
      />
    </Frame>
  )
}

/** The last few this page has read. */
function Taken({
  y,
  width,
  label,
  last,
}: {
  readonly y: number
  readonly width: number
  readonly label: string
  readonly last: number
}) {
  const count = Math.floor((width + 6) / 50)
  const step = (width + 6) / count
  const cells = Array.from({ length: count }, (_, i) => last - count + 1 + i)
  return (
    <g class="strip" transform={`translate(0 ${y})`}>
      <text class="label" y="10">
        {label}
      </text>
      <text class="number" x={width} y="10" text-anchor="end">
        {last}
      </text>
      {cells.map((n, i) => (
        <g key={i} class={n > 0 ? 'cell read' : 'cell waits'} transform={`translate(${i * step} 0)`}>
          <rect y="21" width={step - 6} height="30" rx="6" />
          <text x={step / 2 - 3} y="40" text-anchor="middle">
            {n > 0 ? n % 100_000 : ''}
          </text>
        </g>
      ))}
    </g>
  )
}
