const DEFAULT_ROOM = 'lobby'

/** The room of the address bar. */
export function roomInAddress(): string {
  const room = new URLSearchParams(location.search).get('room')?.trim() || DEFAULT_ROOM
  // One spelling for letters that Unicode can write in two ways: else two rooms would look like one.
  return room.normalize('NFC')
}

export function addressOf(room: string): string {
  const url = new URL(location.href)
  url.search = `?${new URLSearchParams({ room })}`
  url.hash = ''
  return url.href
}
