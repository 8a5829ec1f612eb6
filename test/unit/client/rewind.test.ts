import { describe, expect, it } from 'vitest'
import type { MessageOf } from '../../../src/protocol/index.ts'
import { joined, live, reconnect, settle, type Setup, useVirtualTime } from './fake-socket.ts'
import { eventsOf, framesOf, joinedOf, text } from './rig.ts'

useVirtualTime()

const direct = (value: string): MessageOf<'direct'> => ({ type: 'direct', log: 5, data: text(value) })

/** The client loses its connection, and has its meeting again with this answer. Returns the new socket. */
async function comeBack(setup: Setup, parts: Partial<MessageOf<'joined'>>): Promise<Setup['socket']> {
  const socket = await reconnect(setup)
  socket.receive(joinedOf({ call: socket.takeOf('join')[0]?.call ?? 0, ...parts }))
  return socket
}

describe('Frames that were lost with their node', () => {
  it('are told to nobody who had not heard of them, and others come in their place', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    setup.socket.receive(framesOf(1, [[[0, 1]], [[0, 2]], [[0, 3]], [[0, 4]]]))
    const socket = await comeBack(setup, { reason: 'REWOUND', next: 3, continued: true })
    socket.receive(framesOf(3, [[[1, 9]]]))
    const heard: unknown[] = []
    meeting.onFrame(({ number, inputs }) =>
      heard.push([number, ...inputs.map(({ slot, seq }) => [slot, seq])]),
    )
    await settle()
    expect(heard).toEqual([
      [1, [0, 1]],
      [2, [0, 2]],
      [3, [1, 9]],
    ])
  })

  it('are told to who has heard of them, with the frame from which on they are undone', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: unknown[] = []
    meeting.onFrame(({ number }) => heard.push(number))
    meeting.onRejoin((how) => heard.push(how))
    await settle()
    setup.socket.receive(framesOf(1, [[], [], []]))
    const socket = await comeBack(setup, { reason: 'REWOUND', next: 2, continued: true })
    socket.receive(framesOf(2, [[]]))
    expect(heard).toEqual([1, 2, 3, { recovered: false, reason: 'REWOUND', next: 2 }, 2])
  })

  it('are none where it is joined again for another reason: what waits for a listener stays', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    setup.socket.receive(framesOf(1, [[], [], []]))
    await comeBack(setup, { recovered: true, next: 2, continued: true })
    const heard: number[] = []
    meeting.onFrame(({ number }) => heard.push(number))
    await settle()
    expect(heard).toEqual([1, 2, 3])
  })
})

describe('The members of a meeting', () => {
  it('are not told where a frame changes nothing that the list did not have', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    let told = 0
    meeting.onMembers(() => told++)
    setup.socket.receive(
      eventsOf(1, { type: 'join', slot: 0, user: 'ann' }),
      eventsOf(2, { type: 'say', data: text('"hello"') }),
      framesOf(3, [[]]),
    )
    expect([told, meeting.members]).toEqual([0, [{ slot: 0, user: 'ann', away: false }]])
    setup.socket.receive(eventsOf(4, { type: 'away', slot: 9 }))
    expect(meeting.members).toHaveLength(1)
    // Somebody else has the slot.
    setup.socket.receive(eventsOf(5, { type: 'join', slot: 0, user: 'bob' }))
    expect(meeting.members.map(({ user }) => user)).toEqual(['bob'])
  })
})

describe('A listener that comes later', () => {
  it('hears what has waited for it before what comes meanwhile', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: unknown[] = []
    setup.socket.receive(direct('"m1"'), framesOf(1, [[]]))
    meeting.onMessage((data) => heard.push(data))
    meeting.onFrame(({ number }) => heard.push(number))
    setup.socket.receive(direct('"m2"'), framesOf(2, [[]]))
    expect(heard).toEqual([])
    await settle()
    expect(heard).toEqual([1, 2, 'm1', 'm2'])
    setup.socket.receive(direct('"m3"'), framesOf(3, [[]]))
    expect(heard.slice(4)).toEqual(['m3', 3])
  })

  it('leaves the rest to the next one where it goes', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const heard: unknown[] = []
    setup.socket.receive(direct('"m1"'), direct('"m2"'), framesOf(1, [[], []]))
    const offMessage = meeting.onMessage((data) => {
      heard.push(data)
      offMessage()
    })
    const offFrame = meeting.onFrame(({ number }) => {
      heard.push(number)
      offFrame()
    })
    await settle()
    expect(heard).toEqual([1, 'm1'])
    meeting.onMessage((data) => heard.push(data))
    meeting.onFrame(({ number }) => heard.push(number))
    await settle()
    expect(heard.slice(2)).toEqual([2, 'm2'])
  })

  it('gets events with what the business said, in objects of its own', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const all: unknown[] = []
    for (let n = 0; n < 2; n++)
      meeting.onFrame(({ events }) => {
        all.push(events)
        for (const event of events) Object.assign(event, { type: 'changed' })
      })
    await settle()
    setup.socket.receive(
      eventsOf(1, { type: 'join', slot: 1, user: 'bob' }, { type: 'say', data: text('{"a":1}') }),
    )
    expect(all).toMatchObject([
      [{ slot: 1, user: 'bob' }, { data: { a: 1 } }],
      [{ slot: 1, user: 'bob' }, { data: { a: 1 } }],
    ])
    const [first, second] = all as [unknown[], unknown[]]
    expect(first[0]).not.toBe(second[0])
    const { seed } = meeting
    seed[0] = 7
    expect(meeting.seed[0]).toBe(0)
  })
})
