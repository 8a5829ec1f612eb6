import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Whereabouts } from '../node/answers.ts'
import type { Flow } from '../numbers/cluster.ts'
import type { Flight, SeenNode } from '../numbers/happenings.ts'
import { format } from '../words/common.ts'
import { text } from '../words/cluster.ts'
import { arc, between, liveliness, type Places, placesOf, type Point } from './places.ts'

const BUS_RADIUS = 34
/** Seconds that a pulse takes, by liveliness. */
const PACE = [0, 3.2, 2.2, 1.4, 0.8] as const
const FIRST_WIDTH = 640
const NAME_LENGTH = 16

export interface Shown {
  readonly node: SeenNode
  readonly flow: Flow
}

const isStill = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches

/** The nodes on a ring around the bus: how much there is on each, and what goes to the bus and comes from it. */
export function Ring({
  nodes,
  meeting,
  flights,
  isUp,
}: {
  readonly nodes: readonly Shown[]
  readonly meeting: Whereabouts | null
  readonly flights: readonly Flight[]
  readonly isUp: boolean
}) {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(FIRST_WIDTH)
  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return undefined
    const observer = new ResizeObserver(() => setWidth(Math.max(300, Math.round(current.clientWidth))))
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  const places = placesOf(nodes.length, width)
  const all = nodes.reduce((sum, { node }) => sum + connectionsOf(node), 0)
  const placeOf = (name: string): Point | undefined =>
    places.nodes[nodes.findIndex(({ node }) => node.node === name)]
  return (
    <div class="ring" ref={box}>
      <svg
        viewBox={`0 0 ${places.width} ${places.height}`}
        width={places.width}
        height={places.height}
        role="img"
        aria-label={text.picture(nodes.length)}
      >
        {nodes.map(({ node, flow }, at) => (
          <Line
            key={node.incarnation}
            places={places}
            at={places.nodes[at] as Point}
            flow={flow}
            isCut={!isUp || node.status === 'silent' || node.status === 'ended'}
          />
        ))}
        <Bus at={places.bus} isUp={isUp} />
        {nodes.map(({ node, flow }, at) => (
          <Node
            key={node.incarnation}
            places={places}
            at={places.nodes[at] as Point}
            node={node}
            flow={flow}
            share={all === 0 ? 0 : connectionsOf(node) / all}
            part={partOf(node, meeting)}
          />
        ))}
        {flights.map((flight, at) => (
          <OnTheWay key={flight.key} flight={flight} lane={at} places={places} at={placeOf} />
        ))}
      </svg>
    </div>
  )
}

const connectionsOf = ({ status, load }: SeenNode): number =>
  status === 'ended' ? 0 : (load?.connections ?? 0)

type Part = 'owner' | 'replica' | 'none'

function partOf({ node, status }: SeenNode, meeting: Whereabouts | null): Part {
  if (meeting === null || node === '' || status === 'ended') return 'none'
  if (meeting.owner === node) return 'owner'
  return meeting.replicas.includes(node) ? 'replica' : 'none'
}

function Bus({ at: { x, y }, isUp }: { readonly at: Point; readonly isUp: boolean }) {
  return (
    <g class={`bus ${isUp ? '' : 'down'}`}>
      <circle cx={x} cy={y} r={BUS_RADIUS} />
      <text x={x} y={y + (isUp ? 5 : -2)}>
        {text.bus}
      </text>
      {!isUp && (
        <text class="small" x={x} y={y + 14}>
          {text.busDown}
        </text>
      )}
    </g>
  )
}

function Line({
  places: { bus, radius },
  at,
  flow,
  isCut,
}: {
  readonly places: Places
  readonly at: Point
  readonly flow: Flow
  readonly isCut: boolean
}) {
  const [from, to] = between(at, radius + 6, bus, BUS_RADIUS + 2)
  const most = liveliness(Math.max(flow.in ?? 0, flow.out ?? 0))
  return (
    <g class={`way ${isCut ? 'cut' : ''}`}>
      <line class={`width${most}`} x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
      {!isCut && !isStill() && (
        <>
          <Pulses from={from} to={to} pace={liveliness(flow.out)} direction="out" />
          <Pulses from={to} to={from} pace={liveliness(flow.in)} direction="in" />
        </>
      )}
    </g>
  )
}

/** Meetings under way at the same time are written one above the other. */
const LANE = 14

/** A meeting goes from one node to another, as far as both are in the picture. */
function OnTheWay({
  flight: { meeting, how, from, to },
  lane,
  places: { radius },
  at,
}: {
  readonly flight: Flight
  readonly lane: number
  readonly places: Places
  readonly at: (node: string) => Point | undefined
}) {
  const [here, there] = [at(from), at(to)]
  if (here === undefined || there === undefined) return null
  const [start, end] = between(here, radius + 8, there, radius + 26)
  const name = meeting.length > NAME_LENGTH ? `${meeting.slice(0, NAME_LENGTH - 1)}…` : meeting
  const style = {
    '--from-x': `${start.x}px`,
    '--from-y': `${start.y}px`,
    '--to-x': `${end.x}px`,
    '--to-y': `${end.y}px`,
  }
  return (
    <g class={`flight ${how}`}>
      <line x1={start.x} y1={start.y} x2={end.x} y2={end.y} />
      <g class="parcel" style={style}>
        <circle r={7} />
        <text class="name" y={-12 - lane * LANE}>
          {name}
        </text>
      </g>
    </g>
  )
}

/** What goes along a line: the more it is, the more often and the faster. */
function Pulses({
  from,
  to,
  pace,
  direction,
}: {
  readonly from: Point
  readonly to: Point
  readonly pace: 0 | 1 | 2 | 3 | 4
  readonly direction: 'in' | 'out'
}) {
  const seconds = PACE[pace]
  return (
    <>
      {Array.from({ length: pace }, (_, at) => (
        <circle key={`${pace} ${at}`} class={`pulse ${direction}`} r={3}>
          {(['x', 'y'] as const).map((axis) => (
            <animate
              key={axis}
              attributeName={`c${axis}`}
              from={from[axis]}
              to={to[axis]}
              dur={`${seconds}s`}
              begin={`${(-seconds * at) / pace}s`}
              repeatCount="indefinite"
            />
          ))}
        </circle>
      ))}
    </>
  )
}

function Node({
  places: { bus, radius, isRoomy },
  at,
  node,
  flow,
  share,
  part,
}: {
  readonly places: Places
  readonly at: Point
  readonly node: SeenNode
  readonly flow: Flow
  readonly share: number
  readonly part: Part
}) {
  const { x, y } = at
  const { status, load } = node
  const hasEnded = status === 'ended'
  const name = node.node || text.unknown
  // Away from the line to the bus.
  const caption = y < bus.y - 1 ? y - radius - 44 : y + radius + 22
  return (
    <g class={`node ${status} ${part}`}>
      <title>{name}</title>
      {status === 'self' && <circle class="mark" cx={x} cy={y} r={radius + 7} />}
      <circle class="body" cx={x} cy={y} r={radius} />
      <path class="share" d={arc(at, radius, share)} />
      {isRoomy && (
        <>
          <text class="count" x={x} y={y + 2}>
            {hasEnded ? '✕' : load === null ? '?' : format.short(load.connections)}
          </text>
          {!hasEnded && (
            <text class="small" x={x} y={y + 14}>
              {text.connectionsShort}
            </text>
          )}
          <text class="name" x={x} y={caption}>
            {name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name}
            {part !== 'none' && <tspan class="part"> · {text[part]}</tspan>}
          </text>
          {captionsOf(node, flow).map((line, at) => (
            <text key={at} class="caption" x={x} y={caption + 15 * (at + 1)}>
              {line}
            </text>
          ))}
        </>
      )}
    </g>
  )
}

/** What there is on it, and what goes to the bus and comes from it. */
function captionsOf({ status, heardMs, load }: SeenNode, flow: Flow): readonly string[] {
  if (status === 'ended') return [text.ended]
  if (status === 'silent') return [text.silentFor(Math.round(heardMs / 1_000)), text.rateUnknown]
  const holds =
    load === null ? text.unknown : text.holds(format.short(load.meetings), format.short(load.replicas))
  if (flow.out === null || flow.in === null) return [holds, text.rateUnknown]
  return [holds, text.flow(format.bytes(flow.out), format.bytes(flow.in))]
}
