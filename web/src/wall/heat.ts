/* How a change becomes a colour. Few steps, so that a cell is drawn anew only when people could see it. */

export type Rgb = readonly [red: number, green: number, blue: number]

/** Steps to either side of no change, and the change from which on a cell is as red or green as can be. */
export const STEPS = 12
export const FULL = 0.045

export const stepOf = (change: number): number =>
  Math.max(-STEPS, Math.min(STEPS, Math.round((change / FULL) * STEPS)))

export interface Shade {
  readonly fill: string
  readonly ink: string
}

/** The shades from a full fall to a full rise. */
export function scale(fall: Rgb, flat: Rgb, rise: Rgb): Shade[] {
  return Array.from({ length: 2 * STEPS + 1 }, (_, i) => {
    const step = i - STEPS
    // The eye tells small changes apart best where the colour leaves grey quickly.
    const share = (Math.abs(step) / STEPS) ** 0.8
    const to = step < 0 ? fall : rise
    const mixed = flat.map((from, k) =>
      Math.round(from + ((to[k] as number) - from) * share),
    ) as unknown as Rgb
    return { fill: css(mixed), ink: inkOn(mixed) }
  })
}

export const css = ([red, green, blue]: Rgb): string => `rgb(${red} ${green} ${blue})`

const DARK: Rgb = [16, 20, 26]
const LIGHT: Rgb = [255, 255, 255]

/** Dark or light, whichever can be read better on a colour. */
export const inkOn = (back: Rgb): string => css(contrast(DARK, back) > contrast(LIGHT, back) ? DARK : LIGHT)

/** The ratio of contrast by WCAG 2.2, 1–21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as unknown as Rgb
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** What a browser says a colour is: `rgb(1, 2, 3)`. */
export function readRgb(computed: string): Rgb {
  const [red = 0, green = 0, blue = 0] = (computed.match(/[\d.]+/g) ?? []).map(Number)
  return [red, green, blue]
}
