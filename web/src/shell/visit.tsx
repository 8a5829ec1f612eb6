import { useRef } from 'preact/hooks'
import { Copy } from './copy.tsx'
import { setGuestName } from './guest.ts'
import { words } from './language.ts'

const text = words({
  en: {
    who: 'Who and where',
    name: 'Your name',
    room: 'Room',
    go: 'Change',
    link: 'Link to this room',
  },
  zh: {
    who: '名字和房间',
    name: '你的名字',
    room: '房间',
    go: '更改',
    link: '本房间的链接',
  },
})

/** This page in a room, all else in the address as it is. */
function pageIn(room: string): string {
  const url = new URL(location.href)
  url.searchParams.set('room', room)
  return url.href
}

/** The address of a room for others, who have a language of their own. */
export function addressOf(room: string): string {
  return new URL(`?${new URLSearchParams({ room })}`, location.href).href
}

/** The room of the address bar, or else this one, which stands in the address bar then. */
export function roomInAddress(otherwise: () => string): string {
  const given = new URLSearchParams(location.search).get('room')?.trim() || otherwise()
  // One spelling for letters that Unicode can write in two ways: else two rooms would look like one.
  const room = given.normalize('NFC')
  history.replaceState(null, '', pageIn(room))
  return room
}

function visit(event: SubmitEvent): void {
  event.preventDefault()
  const given = new FormData(event.currentTarget as HTMLFormElement)
  const field = (key: string): string => (given.get(key) as string).trim()
  setGuestName(field('name'))
  const to = pageIn(field('room'))
  if (to === location.href) location.reload()
  else location.assign(to)
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

/** The way into this room for others. */
export function RoomLink({ room }: { readonly room: string }) {
  const link = useRef<HTMLInputElement>(null)
  return (
    <div class="with-button">
      <label>
        {text.link}
        <input ref={link} type="url" readOnly value={addressOf(room)} />
      </label>
      <Copy from={link} />
    </div>
  )
}
