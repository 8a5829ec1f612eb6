/** A point of the picture. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** Where everything stands. */
export interface Places {
  readonly width: number
  readonly height: number
  readonly bus: Point
  /** Of the nodes, in their order, clockwise from the top. */
  readonly nodes: readonly Point[]
  readonly radius: number
  /** There is room for the names. */
  readonly isRoomy: boolean
}

/** Room at the edges for what is written above the upper nodes and beneath the others. */
const SIDE = 78
const EDGE = 98
/** The distance of two nodes whose captions do not touch, across or along. */
const ACROSS = 128
const ALONG = 104
const WIDEST = 340

/** The nodes on a ring around the bus, in a picture of this width. */
export function placesOf(count: number, width: number): Places {
  // Two stand side by side, where there is more room.
  const first = count === 2 ? Math.PI : -Math.PI / 2
  const angles = Array.from({ length: count }, (_, at) => first + (at / count) * 2 * Math.PI)
  const heights = angles.map((angle) => Math.sin(angle))
  const [top, bottom] = [Math.min(...heights), Math.max(...heights)]
  const isFlat = bottom - top < 0.01
  const height = isFlat ? 2 * EDGE + 40 : Math.round(Math.max(430, Math.min(width * 0.5, 520)))
  const along = (height: number, at: number): number =>
    isFlat ? height / 2 : EDGE + ((at - top) / (bottom - top)) * (height - 2 * EDGE)
  const bus = { x: width / 2, y: along(height, 0) }
  const across = Math.min(width / 2 - SIDE, WIDEST)
  const nodes = angles.map((angle, at) => ({
    x: bus.x + across * Math.cos(angle),
    y: along(height, heights[at] as number),
  }))
  const pairs = nodes.map((node, at): [Point, Point] => [node, nodes[(at + 1) % count] as Point])
  const isRoomy = pairs.every(
    ([one, other]) =>
      one === other || Math.abs(one.x - other.x) >= ACROSS || Math.abs(one.y - other.y) >= ALONG,
  )
  const gap = Math.min(...pairs.map(([one, other]) => distance(one, other)))
  return { width, height, bus, nodes, radius: isRoomy ? 26 : Math.max(8, Math.min(20, gap / 3)), isRoomy }
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one.x - other.x, one.y - other.y)
}

/** The part of the line between two points that is outside of what is drawn around both. */
export function between(
  from: Point,
  fromRadius: number,
  to: Point,
  toRadius: number,
): readonly [Point, Point] {
  const length = distance(from, to)
  if (length <= fromRadius + toRadius) return [from, from]
  const step = (away: number): Point => ({
    x: from.x + ((to.x - from.x) * away) / length,
    y: from.y + ((to.y - from.y) * away) / length,
  })
  return [step(fromRadius), step(length - toRadius)]
}

/** The arc of a circle, clockwise from the top, for a share of it. */
export function arc({ x, y }: Point, radius: number, share: number): string {
  if (share <= 0) return ''
  const end = Math.min(share, 0.9999) * 2 * Math.PI - Math.PI / 2
  const at = `${fixed(x + radius * Math.cos(end))} ${fixed(y + radius * Math.sin(end))}`
  return `M${fixed(x)} ${fixed(y - radius)}A${radius} ${radius} 0 ${share > 0.5 ? 1 : 0} 1 ${at}`
}

/** How lively a line is, from 0 for nothing to 4: by the order of magnitude of its bytes a second. */
export function liveliness(bytes: number | null): 0 | 1 | 2 | 3 | 4 {
  if (bytes === null || bytes < 1) return 0
  if (bytes < 2_048) return 1
  if (bytes < 65_536) return 2
  return bytes < 2_097_152 ? 3 : 4
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10)
}
