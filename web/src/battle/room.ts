const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'

/** The room of the address bar, or a fresh one. */
export function roomInAddress(): string {
  const room = new URLSearchParams(location.search).get('room')?.trim() ?? ''
  // One spelling for letters that Unicode can write in two ways: else two rooms would look like one.
  if (room !== '') return room.normalize('NFC')
  return Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => LETTERS[byte % LETTERS.length]).join(
    '',
  )
}

/** Whether no other machine can open this page by its address. */
export const isLocal = (): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)
