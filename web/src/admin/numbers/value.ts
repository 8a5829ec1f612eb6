const MOST_BYTES = 16

/** A payload in one line: JSON, or the first bytes in hexadecimal; no longer than `most`. */
export function inOneLine(value: unknown, most = 200): string {
  const text = value instanceof Uint8Array ? ofBytes(value) : jsonOf(value)
  return text.length > most ? `${text.slice(0, most)}…` : text
}

/** Others have chosen it: it may be nested more deeply than can be written. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'undefined'
  } catch {
    return '…'
  }
}

function ofBytes(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, MOST_BYTES), (byte) => byte.toString(16).padStart(2, '0'))
  return `[${bytes.length} B] ${shown.join(' ')}${bytes.length > MOST_BYTES ? ' …' : ''}`
}

/** The bytes of an answer of the API. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}
