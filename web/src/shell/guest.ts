import { RtmsError, type Ticket } from 'rtms/client'
import { words } from './language.ts'
import { type Nodes, noteNodes } from './nodes.tsx'

const NAME = 'rtms.name'
const KEY = 'rtms.guest'

const [firsts, seconds, joint] = words<readonly [readonly string[], readonly string[], string]>({
  en: [
    ['Amber', 'Brisk', 'Calm', 'Daring', 'Early', 'Fair', 'Gentle', 'Keen', 'Lucky', 'Merry'],
    ['Badger', 'Crane', 'Finch', 'Hare', 'Ibis', 'Lynx', 'Marten', 'Otter', 'Panda', 'Wren'],
    ' ',
  ],
  zh: [
    ['琥珀', '轻快', '安静', '勇敢', '早起', '公正', '温柔', '敏锐', '幸运', '快乐'],
    ['獾', '仙鹤', '雀', '野兔', '朱鹮', '猞猁', '貂', '水獭', '熊猫', '鹪鹩'],
    '',
  ],
})

const oneOf = (list: readonly string[]): string => list[Math.floor(Math.random() * list.length)] ?? ''

/** This window's name. Of the window and not of the browser, so that two windows are two guests. */
export function guestName(): string {
  const kept = sessionStorage.getItem(NAME)
  if (kept !== null) return kept
  const name = `${oneOf(firsts)}${joint}${oneOf(seconds)}`
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

/** What the demo's server hands out: a ticket, and who the guest is there. */
export interface GuestTicket extends Ticket {
  readonly user: string
  readonly guest: string
}

/**
 * A ticket for a part of the demo. `guest` is what the server handed out the first time: with it the window stays
 * the same user when a later ticket is needed. `route`: the query of an earlier ticket's URL, for a load balancer to
 * find the node by that has what this guest had there. Rejects with FORBIDDEN where the server refuses for good,
 * which ends the client: what has to change is the name or the room.
 */
export async function getTicket<T extends object>(
  part: string,
  wish: object,
  route = '',
): Promise<GuestTicket & T> {
  const guest = sessionStorage.getItem(KEY) ?? undefined
  let response: Response
  try {
    response = await fetch(`/api/${part}/ticket${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: guestName(), guest, ...wish }),
    })
  } catch {
    throw new RtmsError('NOT_SENT', 'The server cannot be reached.')
  }
  const answer = (await response.json().catch(() => ({}))) as GuestTicket & T & Nodes & { error?: string }
  if (!response.ok) {
    // A proxy answers with a page of its own, which says nothing about this guest.
    const isFinal = response.status < 500 && answer.error !== undefined
    throw new RtmsError(
      isFinal ? 'FORBIDDEN' : 'BUSY',
      answer.error ?? `The server answered ${response.status}.`,
    )
  }
  noteNodes(answer)
  if (answer.guest !== undefined) sessionStorage.setItem(KEY, answer.guest)
  return answer
}
