import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DROPPED } from '../../../src/client/machine/index.ts'
import { type MessageType, schema, type ServerMessage } from '../../../src/protocol/index.ts'
import {
  everything,
  framesOf,
  joinedOf,
  positionOf,
  publicationsOf,
  ReaderRecorder,
  Rig,
  SeatRecorder,
  seatWish,
  subscribedOf,
  text,
  welcomeOf,
} from '../client/rig.ts'

/*
 * PROTOCOL.md says what a client does with each message in each state. The client library gives a connection up exactly
 * where that is called a violation.
 */

const document = readFileSync(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8')

interface Table {
  readonly states: readonly string[]
  readonly rows: readonly { readonly message: string; readonly cells: readonly string[] }[]
}

const cellsOf = (line: string): string[] => line.replaceAll(/^[^|]*\| | \|$/g, '').split(' | ')

/** The table of messages below a heading. */
function tableOf(heading: string): Table {
  const section = (document.split(`\n### ${heading}\n`)[1] ?? '').split(/^#/m)[0] as string
  const lines = (section.split(/^\| Message/m)[1] ?? '').split('\n\n')[0]?.split('\n') ?? []
  const [head = '', , ...rest] = lines
  const rows = rest.map((line) => {
    const [message = '', ...cells] = cellsOf(line)
    return { message, cells }
  })
  return { states: cellsOf(head), rows }
}

/** Enough to be recognised as the beginning of a row, and what it stands for. */
type Messages = { readonly [row: string]: (rig: Rig) => void }

const receive =
  (message: ServerMessage) =>
  (rig: Rig): void =>
    void rig.receive(message)

const connection: Messages = {
  '`welcome`': receive(welcomeOf()),
  '`welcome` of a version that was not asked for': receive(welcomeOf({ version: 2 })),
  '`goodbye`': receive({
    type: 'goodbye',
    code: 4454,
    reason: '',
    retryAfter: 0,
    route: '',
    least: 0,
    most: 0,
  }),
  '`move`': receive({ type: 'move', url: 'ws://b', moves: 1 }),
  '`ping`': receive({ type: 'ping', time: 1 }),
  '`pong`': receive({ type: 'pong', echo: 1, time: 1, lateness: 0 }),
  '`publishers` that continue the table': receive({
    type: 'publishers',
    first: 1,
    publishers: [{ publisher: 9 }],
  }),
  '`publishers` that do not': receive({ type: 'publishers', first: 2, publishers: [{ publisher: 9 }] }),
  '`push`': receive({ type: 'push', name: 'n', data: text('1') }),
  'any other message': receive({ type: 'done', call: 99, value: 0 }),
  'a packet that cannot be decoded': (rig) =>
    rig.machine.handlePacket(rig.attempt, new Uint8Array([1, 9]), 2, rig.now),
}

const meeting: Messages = {
  '`joined`, of its last `join`': receive(joinedOf()),
  '`joined`, of an earlier `join`': receive(joinedOf({ call: 0 })),
  '`frames`, `first` at most the next frame': receive(framesOf(1, [[[0, 1]]])),
  '`frames`, `first` above the next frame': receive(framesOf(3, [[]])),
  '`gap`': receive({
    type: 'gap',
    log: 5,
    from: 1,
    to: 4,
    position: positionOf(0),
    reason: 'NO_SNAPSHOT',
  }),
  '`nack`': receive({
    type: 'nack',
    log: 5,
    seq: 1,
    error: 'RATE',
    retryAfter: 0,
    last: 0,
    message: '',
    reason: '',
  }),
  '`direct`': receive({ type: 'direct', log: 5, data: text('1') }),
  '`paused`': receive({ type: 'paused', log: 5, paused: true }),
  '`stand`': receive({ type: 'stand', call: 1, term: 3, incarnation: 7 }),
  '`pull`': receive({ type: 'pull', call: 1, from: 0 }),
  '`charter`': receive({ type: 'charter', log: 5, first: 1, bytes: new Uint8Array(2), tag: 9 }),
  '`ended`': receive({ type: 'ended', log: 5, error: 'CLOSED', message: '' }),
}

const subscription: Messages = {
  '`subscribed`, of its last `subscribe`': receive(subscribedOf()),
  '`subscribed`, of an earlier `subscribe`': receive(subscribedOf({ call: 0 })),
  '`publications`': receive(publicationsOf([{ number: 1 }])),
  '`publications` of a publisher that is not in the table': receive(
    publicationsOf([{ number: 1, publisher: 7 }]),
  ),
  '`gap`': receive({ type: 'gap', log: 9, from: 1, to: 4, position: positionOf(4), reason: 'SLOW' }),
  '`ended`': receive({ type: 'ended', log: 9, error: 'FORBIDDEN', message: '' }),
}

/** A client in each state. */
const states: { readonly [table: string]: { readonly [state: string]: () => Rig } } = {
  'The connection': {
    greeting: () => {
      const rig = new Rig()
      rig.greet()
      return rig
    },
    live,
    leaving: () => {
      const rig = live()
      ;(connection['`goodbye`'] as (rig: Rig) => void)(rig)
      return rig
    },
  },
  'A meeting': { out: live, joining, in: () => after(joining(), joinedOf()) },
  'A subscription': { out: live, subscribing, reading: () => after(subscribing(), subscribedOf()) },
}

function live(): Rig {
  const rig = new Rig()
  rig.live()
  return rig
}

function joining(): Rig {
  const rig = live()
  rig.machine.followers.join('m', seatWish(), new SeatRecorder())
  rig.take()
  return rig
}

function subscribing(): Rig {
  const rig = live()
  rig.machine.followers.read('t', everything, new ReaderRecorder())
  rig.take()
  return rig
}

function after(rig: Rig, message: ServerMessage): Rig {
  rig.receive(message)
  return rig
}

describe.each([
  ['The connection', connection],
  ['A meeting', meeting],
  ['A subscription', subscription],
])('%s', (heading, messages) => {
  const table = tableOf(heading)
  const ofTable = states[heading] as { readonly [state: string]: () => Rig }

  test('the table has these messages and states', () => {
    expect(table.states).toEqual(Object.keys(ofTable))
    expect(table.rows.map(({ message }) => message)).toEqual(Object.keys(messages))
  })

  const cells = table.rows.flatMap(({ message, cells: all }) =>
    table.states.map((state, index) => ({ message, state, cell: all[index] as string })),
  )
  test.each(cells)('$message, $state: $cell', ({ message, state, cell }) => {
    const rig = (ofTable[state] as () => Rig)()
    ;(messages[message] as (rig: Rig) => void)(rig)
    const isGivenUp = rig.closed.some(({ code }) => code === DROPPED)
    expect(isGivenUp).toBe(cell.startsWith('**violation**'))
  })
})

test('every message of a node stands in some table', () => {
  const headings = ['The connection', 'The session', 'A call', 'A meeting', 'A subscription']
  const named = headings.flatMap((heading) => tableOf(heading).rows.map(({ message }) => message)).join(' ')
  const all = (Object.keys(schema) as MessageType[]).filter((type) => schema[type].from !== 'client')
  expect(all.filter((type) => !named.includes(`\`${type}\``))).toEqual([])
})
