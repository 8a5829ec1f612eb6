export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/**
 * Boxes whose areas are to one another as the weights, together the whole of `within`, each as square as may be. The
 * weights are positive and the largest come first. By Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000).
 */
export function treemap(weights: readonly number[], within: Box): Box[] {
  const boxes: Box[] = []
  let { x, y, width, height } = within
  let left = weights.reduce((sum, weight) => sum + weight, 0)
  for (let begin = 0; begin < weights.length;) {
    const area = (width * height) / left
    const side = Math.min(width, height)
    // One more goes into the row as long as its worst box becomes no less square.
    let end = begin
    let sum = 0
    let best = Infinity
    for (; end < weights.length; end++) {
      const more = sum + (weights[end] as number)
      const worst = worstRatio(weights[begin] as number, weights[end] as number, more, area, side)
      if (worst > best) break
      best = worst
      sum = more
    }
    const depth = (sum * area) / side
    const down = width >= height
    let at = down ? y : x
    for (; begin < end; begin++) {
      const length = ((weights[begin] as number) / sum) * side
      boxes.push(
        down ? { x, y: at, width: depth, height: length } : { x: at, y, width: length, height: depth },
      )
      at += length
    }
    left -= sum
    if (down) {
      x += depth
      width = Math.max(0, width - depth)
    } else {
      y += depth
      height = Math.max(0, height - depth)
    }
  }
  return boxes
}

/** Of the boxes of a row along `side`: how much longer than wide the worst is. */
function worstRatio(largest: number, smallest: number, sum: number, area: number, side: number): number {
  const depth = (sum * area) / side
  return Math.max(((largest / sum) * side) / depth, depth / ((smallest / sum) * side))
}

export function shrink({ x, y, width, height }: Box, by: number, top = by): Box {
  return {
    x: x + by,
    y: y + top,
    width: Math.max(0, width - 2 * by),
    height: Math.max(0, height - top - by),
  }
}

/** The box that an arrow key leads to: the nearest whose middle lies that way, or the same where there is none. */
export function neighbour(boxes: readonly Box[], from: number, dx: number, dy: number): number {
  const here = middle(boxes[from] as Box)
  let best = from
  let shortest = Infinity
  for (const [i, box] of boxes.entries()) {
    const there = middle(box)
    const along = (there.x - here.x) * dx + (there.y - here.y) * dy
    const across = Math.abs((there.x - here.x) * dy) + Math.abs((there.y - here.y) * dx)
    const way = along + 2 * across
    if (i === from || along <= 0.5 || across > 3 * along || way >= shortest) continue
    shortest = way
    best = i
  }
  return best
}

const middle = ({ x, y, width, height }: Box) => ({ x: x + width / 2, y: y + height / 2 })
