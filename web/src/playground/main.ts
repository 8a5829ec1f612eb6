import { connect, type RtmsError, type State } from 'rtms/client'
import { byId, inputById } from './dom.ts'
import { Field } from './field.ts'
import { getTicket, guestName, setGuestName } from '../shell/guest.ts'
import { inPlainWords } from '../shell/problems.ts'
import { showHeader } from '../shell/shell.tsx'
import { addressOf, roomInAddress } from './room.ts'
import { showPrice, takeOrders } from './market.ts'

declare global {
  interface Window {
    /** What this window has received, for tests and the curious. */
    rtmsDemo: {
      /** Frames received, and the number of the first. */
      readonly frames: number
      readonly first: number
      readonly state: State
      /** For the last 1,000 frames. */
      checksumAt(frame: number): string | undefined
    }
  }
}

const name = guestName()
const room = roomInAddress()
history.replaceState(null, '', addressOf(room))
inputById('name').value = name
inputById('room').value = room
inputById('link').value = addressOf(room)
byId('meeting-title').textContent = `Meeting “${room}”`
document.title = `${room} – RTMS playground`

const client = connect({
  getTicket: () => getTicket('playground', { name, room }),
  // A demo has few visitors, and they are watching: no reason to wait for long.
  maxBackoffMs: 3_000,
})
const field = new Field(showProblem)

window.rtmsDemo = {
  get frames() {
    return field.record.frames
  },
  get first() {
    return field.record.first
  },
  get state() {
    return client.state
  },
  checksumAt: (frame) => field.record.checksumAt(frame),
}

client.onState(showState)
showState(client.state, null)
showPrice(client)
takeOrders(client)

try {
  const meeting = await client.join<{ x: number; y: number }>(`demo.${room}`)
  field.show(meeting)
  meeting.onEnd((error) => {
    // The room went with a restart of the server; the ticket of a new page opens it again.
    if (error.code === 'NOT_FOUND') location.reload()
    else showProblem(error)
  })
  // The seat is given up at once, rather than kept for a connection that will not come back.
  addEventListener('pagehide', () => meeting.leave())
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload()
  })
} catch (error) {
  showProblem(error)
}

function showState(state: State, error: RtmsError | null): void {
  showHeader('playground', state)
  field.enabled = state === 'connected'
  if (state === 'connected') byId('problem').hidden = true
  if (error === null) return
  showProblem(error)
  // Asking again would get the same answer: what has to change is the name or the room.
  if (error.code === 'FORBIDDEN' && state === 'disconnected') client.close()
}

function showProblem(error: unknown): void {
  const problem = byId('problem')
  // What ended the connection is the cause; that calls ended with it is not news.
  if (client.state === 'closed' && !problem.hidden) return
  problem.hidden = false
  problem.textContent = inPlainWords(error)
}

byId('who').addEventListener('submit', (event) => {
  event.preventDefault()
  setGuestName(inputById('name').value.trim())
  const to = addressOf(inputById('room').value.trim())
  if (to === location.href) location.reload()
  else location.assign(to)
})

byId('copy').addEventListener('click', () => void copyLink())

async function copyLink(): Promise<void> {
  const link = inputById('link')
  const button = byId('copy')
  link.select()
  try {
    await navigator.clipboard.writeText(link.value)
    button.textContent = 'Copied'
  } catch {
    // Without https a page may not write to the clipboard; the link is selected for the visitor to copy.
    button.textContent = 'Press Ctrl+C'
  }
  setTimeout(() => {
    button.textContent = 'Copy'
  }, 2_000)
}
