import { describe, expect, it } from 'vitest'
import { DROPPED } from '../../../src/client/machine/index.ts'
import { type MessageOf, nowhere } from '../../../src/protocol/index.ts'
import {
  everything,
  framesOf,
  joinedOf,
  Outcomes,
  ReaderRecorder,
  Rig,
  SeatRecorder,
  seatWish,
  subscribedOf,
  text,
  welcomeOf,
} from './rig.ts'

const move = (url = 'ws://b', moves = 1): MessageOf<'move'> => ({ type: 'move', url, moves })

/** A client that is live, and has been asked to move. */
function asked(): { rig: Rig; first: number; second: number } {
  const rig = new Rig()
  rig.live()
  const first = rig.attempt
  rig.receive(move())
  return { rig, first, second: rig.attempt }
}

/** Lets the machine do at once what it wants to do at once. */
function tick(rig: Rig): void {
  if (rig.machine.deadline <= rig.now) rig.machine.tick(rig.now)
}

const urls = (rig: Rig): string[] => rig.opened.map(({ url }) => url)

describe('A client that is asked to move', () => {
  it('opens the other connection first, and says hello there as it gives up the first one', () => {
    const { rig, first, second } = asked()
    expect([rig.machine.phase, urls(rig), rig.closed]).toEqual(['live', ['ws://x', 'ws://b'], []])
    tick(rig)
    expect(rig.machine.phase).toBe('live')
    rig.machine.handleOpen(second)
    expect(rig.machine.phase).toBe('live')
    tick(rig)
    expect(rig.closed).toEqual([{ attempt: first, code: DROPPED }])
    expect(rig.takeOf('hello')).toMatchObject([{ session: 's1', received: 0, moves: 1, token: 'tok' }])
    rig.receive(welcomeOf({ node: 'n2', session: 's2' }))
    expect(rig.phases.map(([phase]) => phase)).toEqual([
      'ticket',
      'opening',
      'greeting',
      'live',
      'greeting',
      'live',
    ])
    // It keeps the address, and counts only the move.
    rig.lose()
    expect(rig.greet()).toMatchObject({ session: 's2', moves: 0 })
    expect(urls(rig)).toEqual(['ws://x', 'ws://b', 'ws://b'])
  })

  it('repeats how many moves in a row it was told', () => {
    const rig = new Rig()
    rig.live()
    rig.receive(move('ws://b', 4))
    rig.machine.handleOpen(rig.attempt)
    tick(rig)
    expect(rig.takeOf('hello')).toMatchObject([{ moves: 4 }])
  })

  it('stays where the other connection fails, and may be asked again', () => {
    const { rig, second } = asked()
    rig.receive(move('ws://c'))
    expect(urls(rig)).toEqual(['ws://x', 'ws://b'])
    rig.machine.handleClose(second, 1006, '', rig.now)
    tick(rig)
    expect(rig.phases.at(-1)).toEqual(['live', null])
    const open = asked()
    open.rig.machine.handleOpen(open.second)
    open.rig.machine.calls.request('m', text('1'), 10_000, open.rig.now, () => {})
    tick(open.rig)
    // The node closes what has said no hello.
    open.rig.machine.handleClose(open.second, 4401, '', open.rig.now)
    tick(open.rig)
    expect([open.rig.machine.phase, open.rig.closed]).toEqual(['live', []])
    open.rig.now += 1_001
    open.rig.machine.handlePacket(
      open.first,
      new Uint8Array([0x46, 7, 5, 119, 115, 58, 47, 47, 2]),
      9,
      open.rig.now,
    )
    expect(urls(open.rig)).toEqual(['ws://x', 'ws://b', 'ws://'])
  })

  it('waits until no call waits for its answer', () => {
    const { rig, first, second } = asked()
    const outcomes = new Outcomes()
    const { calls, followers } = rig.machine
    const request = calls.request('m', text('1'), 10_000, rig.now, outcomes.done('request'))
    const listener = new SeatRecorder()
    const seat = followers.join('m', seatWish(), listener)
    const reader = followers.read('t', everything, new ReaderRecorder())
    rig.take()
    const answer = (message: Parameters<Rig['receive']>[0]): void => {
      const packet = { attempt: first }
      rig.opened.push({ ...packet, url: 'ws://x' })
      rig.receive(message)
      rig.opened.pop()
    }
    rig.machine.handleOpen(second)
    const stays = (): boolean => {
      tick(rig)
      return rig.closed.length === 0
    }
    expect(stays()).toBe(true)
    answer({ type: 'reply', call: request, data: text('2') })
    expect(stays()).toBe(true)
    answer(joinedOf({ call: seat.call }))
    expect(stays()).toBe(true)
    answer(subscribedOf({ call: reader.call }))
    expect(stays()).toBe(false)
    expect(rig.takeOf('hello')).toHaveLength(1)
    expect(outcomes.all).toEqual(['request {"text":true,"bytes":{"0":50}}'])
  })

  it('gives the other connection up with the first one, and with itself', () => {
    for (const end of [
      (rig: Rig, first: number) => rig.machine.handleClose(first, 1006, '', rig.now),
      (rig: Rig) => rig.machine.close(),
      (rig: Rig) => rig.machine.suspend(rig.now),
    ]) {
      const { rig, first, second } = asked()
      rig.machine.handleOpen(second)
      rig.machine.calls.request('m', text('1'), 10_000, rig.now, () => {})
      rig.take()
      end(rig, first)
      expect(rig.closed.map(({ attempt }) => attempt)).toContain(second)
      rig.machine.handleClose(second, 1006, '', rig.now)
      rig.machine.handleOpen(second)
      expect(['waiting', 'closed']).toContain(rig.machine.phase)
    }
  })

  it('comes back as after any loss, where it is not welcome there', () => {
    const { rig, second } = asked()
    rig.machine.handleOpen(second)
    tick(rig)
    rig.lose(4455)
    expect(rig.machine.phase).toBe('waiting')
    rig.wait()
    expect(urls(rig).at(-1)).toBe('ws://b')
    rig.lose()
    rig.wait()
    expect([rig.machine.phase, rig.tickets.length]).toEqual(['ticket', 2])
  })
})

describe('A seat that another session of the same client had', () => {
  /** A client with two inputs under way, which comes back in another session. */
  function comesBack(
    parts: Partial<MessageOf<'joined'>>,
    welcome: Partial<MessageOf<'welcome'>> = { session: 's2' },
  ) {
    const rig = new Rig()
    rig.live()
    const outcomes = new Outcomes()
    const seat = rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    rig.take()
    rig.receive(joinedOf({ call: seat.call }), framesOf(1, [[]]))
    for (const name of ['a', 'b', 'c'])
      rig.machine.followers.input(seat, text(name), 10_000, rig.now, outcomes.done(name))
    rig.lose()
    rig.live(welcome)
    rig.receive(joinedOf({ call: seat.call, recovered: true, ...parts }))
    return { rig, seat, outcomes, sent: rig.takeOf('input').map(({ seq, after }) => [seq, after]) }
  }

  it('is named in the JOIN, and no other time', () => {
    const rig = new Rig()
    rig.live()
    const seat = rig.machine.followers.join('m', seatWish(), new SeatRecorder())
    expect(rig.takeOf('join')).toMatchObject([{ former: '' }])
    rig.receive(joinedOf({ call: seat.call }))
    rig.lose()
    expect(rig.live({ resumed: true })).toMatchObject([{ type: 'join', former: '' }])
    rig.lose()
    expect(rig.live({ session: 's2' })).toMatchObject([{ type: 'join', former: 's1' }])
    // It was not answered there.
    rig.lose()
    expect(rig.live({ session: 's3' })).toMatchObject([{ type: 'join', former: 's1' }])
    rig.receive(joinedOf({ call: seat.call, continued: true }))
    rig.lose()
    expect(rig.live({ session: 's4' })).toMatchObject([{ type: 'join', former: 's3' }])
  })

  it('goes on: what has not arrived is sent again, and what waits is awaited', () => {
    const { rig, outcomes, sent } = comesBack({
      continued: true,
      seq: 2,
      head: 3,
      next: 2,
      waiting: [{ seq: 2 }],
    })
    expect([sent, outcomes.all]).toEqual([[[3, 2]], []])
    rig.receive(framesOf(2, [[], []]))
    // Frame 3 was the last one when the node answered: the first input is in none and waits for none.
    expect(outcomes.all).toEqual(['a UNKNOWN'])
    rig.receive(framesOf(4, [[[0, 2]], [[0, 3]]]))
    expect(outcomes.all).toEqual(['a UNKNOWN', 'b 4', 'c 5'])
  })

  it('finds in the frames that it missed what was framed meanwhile', () => {
    const { rig, outcomes, sent } = comesBack({ continued: true, seq: 3, head: 3, next: 2 })
    expect(sent).toEqual([])
    rig.receive(framesOf(2, [[[0, 1]], [[0, 3]]]))
    expect(outcomes.all).toEqual(['a 2', 'c 3', 'b UNKNOWN'])
  })

  it('gives up what may have been in a frame that is lost, also where it goes on in the same session', () => {
    const parts = { continued: true, seq: 2, head: 3, next: 2, waiting: [{ seq: 2 }] }
    const { rig, outcomes } = comesBack(parts, { resumed: true })
    rig.receive({ type: 'gap', log: 5, from: 2, to: 3, position: nowhere, reason: 'NO_SNAPSHOT' })
    expect(outcomes.all).toEqual([])
    rig.receive(framesOf(3, [[]]))
    expect(outcomes.all).toEqual(['a UNKNOWN'])
    rig.receive(framesOf(4, [[[0, 2]], [[0, 3]]]))
    expect(outcomes.all).toEqual(['a UNKNOWN', 'b 4', 'c 5'])
  })

  it('knows at once what was refused, where it has missed no frame', () => {
    const { outcomes } = comesBack({ continued: true, seq: 2, head: 1, next: 2, waiting: [{ seq: 1 }] })
    expect(outcomes.all).toEqual(['b UNKNOWN'])
  })

  it('does not go on where somebody else has had it, or it is another one', () => {
    for (const parts of [{ seq: 2 }, { continued: true, slot: 1 }, { continued: true, world: 78 }]) {
      const { outcomes, sent } = comesBack(parts)
      expect([sent, outcomes.all]).toEqual([[], ['a UNKNOWN', 'b UNKNOWN', 'c UNKNOWN']])
    }
  })
})
