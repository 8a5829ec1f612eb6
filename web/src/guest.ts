import { RtmsError, type Ticket } from 'rtms/client'

const NAME = 'rtms.name'
const KEY = 'rtms.guest'
const DEFAULT_ROOM = 'lobby'

const firsts = ['Amber', 'Brisk', 'Calm', 'Daring', 'Early', 'Fair', 'Gentle', 'Keen', 'Lucky', 'Merry']
const seconds = ['Badger', 'Crane', 'Finch', 'Hare', 'Ibis', 'Lynx', 'Marten', 'Otter', 'Panda', 'Wren']

const oneOf = (words: readonly string[]): string => words[Math.floor(Math.random() * words.length)] ?? ''

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

/** This window's name. Of the window and not of the browser, so that two windows are two guests. */
export function guestName(): string {
  const kept = sessionStorage.getItem(NAME)
  if (kept !== null) return kept
  const name = `${oneOf(firsts)} ${oneOf(seconds)}`
  setGuestName(name)
  return name
}

export function setGuestName(name: string): void {
  sessionStorage.setItem(NAME, name)
}

/** A user of the demo is `name~letters`; people are shown the name. */
export function nameOf(user: string): string {
  const end = user.lastIndexOf('~')
  return end > 0 ? user.slice(0, end) : user
}

/**
 * A ticket from the demo's server. `guest` is what the server handed out the first time: with it the window stays
 * the same user when a later ticket is needed. Rejects with FORBIDDEN where the server refuses for good.
 */
export async function getTicket(name: string, room: string): Promise<Ticket> {
  const guest = sessionStorage.getItem(KEY) ?? undefined
  let response: Response
  try {
    response = await fetch('/api/ticket', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, room, guest }),
    })
  } catch {
    throw new RtmsError('NOT_SENT', 'The server cannot be reached.')
  }
  const answer = (await response.json().catch(() => ({}))) as Ticket & { guest?: string; error?: string }
  if (!response.ok) {
    const final = response.status >= 400 && response.status < 500
    throw new RtmsError(
      final ? 'FORBIDDEN' : 'BUSY',
      answer.error ?? `The server answered ${response.status}.`,
    )
  }
  if (answer.guest !== undefined) sessionStorage.setItem(KEY, answer.guest)
  return answer
}
