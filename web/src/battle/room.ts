const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'

/** A room that nobody else has. */
export function freshRoom(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => LETTERS[byte % LETTERS.length]).join(
    '',
  )
}
