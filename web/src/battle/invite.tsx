import { encode } from 'uqr'
import { addressOf, RoomLink } from '../shell/visit.tsx'
import { text } from './words.ts'

/** Whether no other machine can open this page by its address. */
const isLocal = (): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)

/** The way into this room for others: a code to scan and a link. */
export function Invite({ room }: { readonly room: string }) {
  return (
    <section class="card invite" aria-labelledby="invite-title">
      <h2 id="invite-title">{text.invite}</h2>
      <QrCode address={addressOf(room)} />
      <p class="hint">{text.inviteHint}</p>
      <RoomLink room={room} />
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
