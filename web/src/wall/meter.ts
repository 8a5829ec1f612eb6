/* What the wall costs: what the market made, and what came of it. */

const SAMPLE_MS = 1_000
/** A market that stands still is seen as such after so long. */
const STILL_MS = 2_500
const KEPT = 4

interface Span {
  readonly ms: number
  readonly made: number
  readonly received: number
  readonly bytes: number
}

export class Meter {
  /** Since the page was opened: changes of prices in the market, and quotes that came. */
  made = 0
  received = 0
  bytes = 0
  readonly #spans: Span[] = []
  #since: { at: number; made: number; received: number; bytes: number } | null = null

  quote(made: number): void {
    this.made += made
    this.received++
  }

  /** The flow is interrupted: what the market makes meanwhile is told when it goes on, and is no rate. */
  interrupt(): void {
    this.#since = null
  }

  /** What was is no measure of what will be: the pace has changed. */
  forget(): void {
    this.#since = null
    this.#spans.length = 0
  }

  /** Called about once a second while quotes flow. */
  tick(now: number): void {
    const { made, received, bytes } = this
    if (this.#since === null) {
      this.#since = { at: now, made, received, bytes }
      return
    }
    const ms = now - this.#since.at
    if (ms < SAMPLE_MS * 0.9 || (received === this.#since.received && ms < STILL_MS)) return
    this.#spans.push({
      ms,
      made: made - this.#since.made,
      received: received - this.#since.received,
      bytes: bytes - this.#since.bytes,
    })
    if (this.#spans.length > KEPT) this.#spans.shift()
    this.#since = { at: now, made, received, bytes }
  }

  /** A second, over the last few; null before there is anything to say. */
  get rates(): { readonly made: number; readonly received: number; readonly bytes: number } | null {
    const sum = (of: keyof Span): number => this.#spans.reduce((all, span) => all + span[of], 0)
    const seconds = sum('ms') / 1000
    return seconds === 0
      ? null
      : { made: sum('made') / seconds, received: sum('received') / seconds, bytes: sum('bytes') / seconds }
  }
}
