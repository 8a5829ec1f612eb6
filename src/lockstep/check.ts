/** The input by which a page tells the others the hash of its state after frame `check`. */
export interface Check {
  readonly check: number
  readonly hash: number | string
}

/** Whether an input is a {@link Check}: the kind's `onInput` lets those pass. */
export function isCheck(data: unknown): data is Check {
  const { check, hash } = (data ?? {}) as Partial<Check>
  return typeof check === 'number' && (typeof hash === 'number' || typeof hash === 'string')
}

/** A number of 32 bits that differs where the JSON of two states does: FNV-1a of its UTF-16 code units. */
export function hashOf(state: unknown): number {
  const text = JSON.stringify(state)
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
