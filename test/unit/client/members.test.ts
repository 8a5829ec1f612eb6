import { describe, expect, it } from 'vitest'
import type { MeetingEvent } from '../../../src/protocol/index.ts'
import { joined, live, reconnect, settle, useVirtualTime } from './fake-socket.ts'
import { eventsOf, framesOf, joinedOf } from './rig.ts'

useVirtualTime()

describe('The members of a meeting', () => {
  it('are kept true by the frames that come, and each change is told', async () => {
    const setup = await live()
    const meeting = await joined(setup, { head: 1 })
    const told: unknown[] = []
    const names = (): string[] =>
      meeting.members.map(({ slot, user, away }) => `${slot} ${user}${away ? ' away' : ''}`)
    const off = meeting.onMembers((members) => told.push(members.map(({ user }) => user).join()))
    // The list of the join has it already.
    setup.socket.receive(eventsOf(1, { type: 'join', slot: 0, user: 'ann' }))
    expect([names(), told]).toEqual([['0 ann'], []])
    setup.socket.receive(
      eventsOf(2, { type: 'join', slot: 2, user: 'cid' }, { type: 'join', slot: 1, user: 'bob' }),
    )
    expect(names()).toEqual(['0 ann', '1 bob', '2 cid'])
    setup.socket.receive(eventsOf(3, { type: 'away', slot: 2 }))
    expect(names()).toEqual(['0 ann', '1 bob', '2 cid away'])
    setup.socket.receive(eventsOf(4, { type: 'back', slot: 2 }, { type: 'leave', slot: 1, reason: 'left' }))
    expect(names()).toEqual(['0 ann', '2 cid'])
    setup.socket.receive({ ...framesOf(5, [[]]) })
    expect(told).toEqual(['ann,bob,cid', 'ann,bob,cid', 'ann,cid'])
    off()
    setup.socket.receive(eventsOf(6, { type: 'leave', slot: 2, reason: 'left' }))
    expect([told.length, names()]).toEqual([3, ['0 ann']])
  })

  it('are no more than there are slots, whatever a node says', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const events = Array.from({ length: 2_000 }, (_, slot): MeetingEvent => ({
      type: 'join',
      slot,
      user: `u${slot}`,
    }))
    setup.socket.receive(eventsOf(1, ...events))
    expect(meeting.members).toHaveLength(255)
    expect(meeting.members.at(-1)).toEqual({ slot: 254, user: 'u254', away: false })
  })

  it('are not changed by frames before the list, which has what happened in them', async () => {
    const setup = await live()
    const meeting = await joined(setup, { head: 2 })
    const told: unknown[] = []
    meeting.onMembers((members) => told.push(members.map(({ user }) => user).join()))
    setup.socket.receive(
      eventsOf(1, { type: 'join', slot: 1, user: 'bob' }),
      eventsOf(2, { type: 'leave', slot: 0, reason: 'left' }),
    )
    expect([meeting.members.map(({ user }) => user), told]).toEqual([['ann'], []])
    setup.socket.receive(eventsOf(3, { type: 'join', slot: 1, user: 'bob' }))
    expect(told).toEqual(['ann,bob'])
  })

  it('are those of the new list after each rejoin', async () => {
    const setup = await live()
    const meeting = await joined(setup)
    const told: unknown[] = []
    meeting.onMembers((members) => told.push(members.map(({ user }) => user).join()))
    const again = await reconnect(setup)
    const call = again.takeOf('join')[0]?.call ?? 0
    again.receive(
      joinedOf({ call, recovered: true, members: [{ slot: 3, user: 'dan', away: false }], continued: true }),
    )
    expect([told, meeting.members.map(({ slot }) => slot)]).toEqual([['dan'], [3]])
  })
})

describe('A join from now', () => {
  it('asks for what is yet to come, and hears only that', async () => {
    const setup = await live()
    const joining = setup.client.join('m', { from: 'now' })
    await settle()
    const [join] = setup.socket.takeOf('join')
    expect(join).toMatchObject({ world: 0, next: 1 })
    setup.socket.receive(joinedOf({ call: join?.call ?? 0, head: 40, next: 41 }), framesOf(41, [[], []]))
    const meeting = await joining
    const numbers: number[] = []
    meeting.onFrame(({ number }) => numbers.push(number))
    await settle()
    expect(numbers).toEqual([41, 42])
  })

  it('begins at the start where nothing else is said', async () => {
    const setup = await live()
    for (const options of [{}, { from: 'start' as const }]) {
      void setup.client.join(`m${JSON.stringify(options).length}`, options).catch(() => {})
      await settle()
      expect(setup.socket.takeOf('join')).toMatchObject([{ world: 0, next: 0 }])
    }
  })
})
