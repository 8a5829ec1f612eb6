import { useState } from 'preact/hooks'
import { encode } from 'uqr'
import { addressOf } from '../playground/room.ts'
import { setGuestName } from '../shell/guest.ts'
import { isLocal } from './room.ts'
import { text } from './words.ts'

/** The way into this room for others: a code to scan and a link. */
export function Invite({ room }: { readonly room: string }) {
  const address = addressOf(room)
  const [said, setSaid] = useState(text.copy)
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(address)
      setSaid(text.copied)
    } catch {
      // Without https a page may not write to the clipboard; the link is selected for the visitor to copy.
      const link = document.getElementById('link')
      if (link instanceof HTMLInputElement) link.select()
      setSaid(text.copyByHand)
    }
    setTimeout(() => setSaid(text.copy), 2_000)
  }
  return (
    <section class="card invite" aria-labelledby="invite-title">
      <h2 id="invite-title">{text.invite}</h2>
      <QrCode address={address} />
      <p class="hint">{text.inviteHint}</p>
      <div class="with-button">
        <label>
          {text.link}
          <input id="link" type="url" readOnly value={address} />
        </label>
        <button type="button" class="quiet" onClick={() => void copy()}>
          {said}
        </button>
      </div>
      {isLocal() && <p class="hint">{text.localHint}</p>}
    </section>
  )
}

function QrCode({ address }: { readonly address: string }) {
  const { data, size } = encode(address, { ecc: 'M', border: 2 })
  const dots = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={text.qr}
      shape-rendering="crispEdges"
    >
      <path d={dots.join('')} />
    </svg>
  )
}

function visit(event: SubmitEvent): void {
  event.preventDefault()
  const given = new FormData(event.currentTarget as HTMLFormElement)
  const field = (name: string): string => (given.get(name) as string).trim()
  setGuestName(field('name'))
  const url = new URL(location.href)
  url.searchParams.set('room', field('room'))
  if (url.href === location.href) location.reload()
  else location.assign(url)
}

/** Name and room; another one of either is another visit. */
export function Who({ name, room }: { readonly name: string; readonly room: string }) {
  return (
    <form class="card who" aria-label={text.who} onSubmit={visit}>
      <label>
        {text.name}
        <input name="name" defaultValue={name} maxLength={24} autocomplete="nickname" required />
      </label>
      <label>
        {text.room}
        <input
          name="room"
          defaultValue={room}
          maxLength={24}
          autocomplete="off"
          autocapitalize="none"
          required
        />
      </label>
      <button type="submit" class="quiet">
        {text.go}
      </button>
    </form>
  )
}
