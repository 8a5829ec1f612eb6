import { connect, type State } from 'rtms/client'
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { Copy } from '../shell/copy.tsx'
import { getTicket, guestName } from '../shell/guest.ts'
import { chosenNode } from '../shell/nodes.tsx'
import { inPlainWords } from '../shell/problems.ts'
import { repaint } from '../shell/repaint.ts'
import { Page, show } from '../shell/shell.tsx'
import { roomInAddress, RoomLink, Who } from '../shell/visit.tsx'
import { Field, Members, Numbers } from './field.tsx'
import { Fills, Order, Price } from './market.tsx'
import { Room } from './room.ts'
import { text } from './words.ts'
import './style.css'

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

const codes = import.meta.glob('./code/*.ts', { query: '?raw', import: 'default', eager: true })
const { changed, useChanges } = repaint()
const name = guestName()
const roomName = roomInAddress(() => 'lobby')
let problem: unknown = null

const client = connect({
  getTicket: () => getTicket('playground', { room: roomName, node: chosenNode() }),
  // A demo has few visitors, and they are watching: no reason to wait for long.
  maxBackoffMs: 3_000,
})
client.onState((state, error) => {
  if (error !== null || state === 'connected') problem = error
  changed()
})

const room = new Room(client, changed, fail)
room.enter(`demo.${roomName}`).catch(fail)

function fail(error: unknown): void {
  // What ended the connection is the cause; that calls ended with it is not news.
  if (client.state !== 'closed' || problem === null) problem = error
  changed()
}

window.rtmsDemo = {
  get frames() {
    return room.record.frames
  },
  get first() {
    return room.record.first
  },
  get state() {
    return client.state
  },
  checksumAt: (frame) => room.record.checksumAt(frame),
}

function Playground() {
  useChanges()
  return (
    <Page name="playground" state={client.state} node={client.node}>
      <div class="intro">
        <h1>{text.title}</h1>
        <p>{text.lead}</p>
      </div>
      {problem !== null && (
        <p class="problem" id="problem" role="alert">
          {inPlainWords(problem)}
        </p>
      )}
      <div class="parts">
        <Part id="meeting" call="meeting.send({ x, y })">
          <Field room={room} enabled={client.state === 'connected'} />
          <Numbers record={room.record} />
          <Members room={room} />
        </Part>
        <div class="side">
          <Part id="topic" call="client.subscribe('demo.price', …)">
            <Price client={client} />
          </Part>
          <Part id="request" call="client.request('demo.order', …)">
            <Order client={client} />
          </Part>
          <Part id="push" call="client.onPush('demo.filled', …)">
            <Fills client={client} />
          </Part>
        </div>
        <Who name={name} room={roomName} />
        <section class="card" aria-label={text.invite}>
          <RoomLink room={roomName} />
        </section>
      </div>
    </Page>
  )
}

/** One thing that RTMS does, the call that does it, and all of the code. */
function Part({
  id,
  call,
  children,
}: {
  readonly id: 'meeting' | 'topic' | 'request' | 'push'
  readonly call: string
  readonly children: ComponentChildren
}) {
  return (
    <section class="card" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{text.parts[id].title}</h2>
      <code class="call">{call}</code>
      <p class="hint" id={`${id}-hint`}>
        {text.parts[id].hint}
      </p>
      {children}
      <Code code={codes[`./code/${id}.ts`] ?? ''} />
    </section>
  )
}

function Code({ code }: { readonly code: string }) {
  const shown = useRef<HTMLPreElement>(null)
  return (
    <details class="code">
      <summary>{text.code}</summary>
      <pre ref={shown} tabIndex={0}>
        {code.trim()}
      </pre>
      <Copy from={shown} />
    </details>
  )
}

show(`${roomName} – RTMS ${text.title}`, <Playground />)
