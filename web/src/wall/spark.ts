import { type Row, TRAIL } from './row.ts'

/** The box of a sparkline: a unit across is a second of trading. */
export const SPARK_WIDTH = TRAIL
export const SPARK_HEIGHT = 26
const MARGIN = 2
/** So far outside of the box that its line cannot be seen. */
const BEYOND = 4

/**
 * The last minute of a price as the path of an area: only its upper edge is in sight, the others lie outside of the
 * box. The shape is all it tells; a price that hardly moves is a flat line, not noise blown up to the full height.
 */
export function sparkPath({ trail, last }: Pick<Row, 'trail' | 'last'>): string {
  if (trail.length === 0) return ''
  let [low, high] = [last, last]
  for (const price of trail) {
    if (price < low) low = price
    if (price > high) high = price
  }
  const scale = (SPARK_HEIGHT - 2 * MARGIN) / Math.max(high - low, last * 0.004)
  const middle = (low + high) / 2
  const y = (price: number): string => (SPARK_HEIGHT / 2 - (price - middle) * scale).toFixed(1)
  const begin = SPARK_WIDTH - trail.length
  const bottom = SPARK_HEIGHT + BEYOND
  let path = `M${begin - BEYOND} ${bottom}V${y(trail[0] as number)}`
  for (const [i, price] of trail.entries()) path += `L${begin + i} ${y(price)}`
  return `${path}L${SPARK_WIDTH} ${y(last)}H${SPARK_WIDTH + BEYOND}V${bottom}z`
}
