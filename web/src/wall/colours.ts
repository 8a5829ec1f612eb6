import { css, readRgb, type Rgb, scale, type Shade } from './heat.ts'

/** The colours of the page for what is drawn rather than styled. */
export interface Colours {
  readonly rise: string
  readonly fall: string
  readonly text: string
  readonly muted: string
  readonly line: string
  readonly page: string
  /** From a full fall to a full rise. */
  readonly scale: readonly Shade[]
}

const probe = document.createElement('i')
probe.hidden = true

/** A custom property as a browser resolves it: which of two colours it is depends on the theme. */
function resolve(name: string): Rgb {
  probe.style.color = `var(--${name})`
  return readRgb(getComputedStyle(probe).color)
}

function read(): Colours {
  document.body.append(probe)
  const [rise, fall, text, muted, line, page] = ['rise', 'fall', 'text', 'muted', 'line', 'page'].map(
    (name) => css(resolve(name)),
  ) as [string, string, string, string, string, string]
  const shades = scale(resolve('heat-fall'), resolve('heat-flat'), resolve('heat-rise'))
  probe.remove()
  return { rise, fall, text, muted, line, page, scale: shades }
}

let current: Colours | null = null
const listeners = new Set<() => void>()

export function colours(): Colours {
  return (current ??= read())
}

/** Calls `listener` when the theme has changed. Returns the function that removes it. */
export function onColours(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

function forget(): void {
  current = null
  for (const listener of listeners) listener()
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', forget)
new MutationObserver(forget).observe(document.documentElement, {
  attributeFilter: ['data-theme', 'data-rise'],
})
