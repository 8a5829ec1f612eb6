import { describe, expect, it } from 'vitest'
import type { MeetingLogic } from '../../../src/core/index.ts'
import { Departures, Leavers } from '../../../src/core/meeting/departures.ts'
import type { Member } from '../../../src/core/meeting/seat.ts'
import { Harness, type Peer, text } from './harness.ts'

/** Meetings whose business has time for one who leaves in each sweep. */
function slowly(options: { frameRate?: number; capacity?: number; ttlMs?: number } = {}, ...names: string[]) {
  const h = new Harness()
  const told: string[] = []
  let isBusy = false
  const logicOf = (name: string): MeetingLogic => ({
    isBehind: () => isBusy,
    leave: (slot, user, reason) => void told.push(`${user} leaves ${name} ${slot}: ${reason}`),
    join: (slot, user) => (told.push(`${user} joins ${name} ${slot}`), null),
    input: (slot, _, data) => (told.push(`${slot} plays`), data),
    close: () => void told.push('closes'),
  })
  for (const name of ['m', ...names])
    h.node.openMeeting(name, { frameRate: 0, ...options }, h.now, {
      kind: 'k',
      metadata: {},
      logic: logicOf(name),
    })
  const news = (): string[] => told.splice(0)
  /** They come to a meeting, in order. */
  const come = (peers: readonly Peer[], meeting = 'm'): number => {
    const logs = peers.map((peer) => h.seat(peer, meeting).log)
    news()
    return logs[0] ?? 0
  }
  const slots = (): number[] => h.node.meeting('m')?.members.map(({ slot }) => slot) ?? []
  const sweep = (): string[] => {
    h.node.sweep(h.now)
    return news()
  }
  const busy = (is = true): void => void (isBusy = is)
  return { h, come, news, slots, sweep, busy }
}

describe('Members who leave together', () => {
  it('leave one after the other where the business has no time, and nobody else waits for that', () => {
    const { h, come, slots, sweep, busy } = slowly()
    const [eve, ann, bob] = [
      ['eve', 'eve', 'eve'].map((user) => h.connect(user)),
      h.connect('ann'),
      h.connect('bob'),
    ]
    const log = come([...eve, ann])
    busy()
    for (const peer of eve) peer.hangUp(true)
    expect([slots(), h.node.deadline(h.now)]).toEqual([[0, 1, 2, 3], h.now])
    ann.input(log, 1)
    bob.join('m')
    expect([sweep().toSorted(), slots()]).toEqual([
      ['3 plays', 'bob joins m 4', 'eve leaves m 0: left'],
      [1, 2, 3, 4],
    ])
    expect([sweep(), sweep(), sweep(), slots()]).toEqual([
      ['eve leaves m 1: left'],
      ['eve leaves m 2: left'],
      [],
      [3, 4],
    ])
    h.settle()
    expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
  })

  it('leave at once where it has time, and the business hears of it then', () => {
    const { h, come, news, slots } = slowly()
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    come([ann, bob])
    ann.hangUp(true)
    expect([news(), slots()]).toEqual([['ann leaves m 0: left'], [1]])
  })

  it('leave together where it has time', () => {
    const { h, come, slots, sweep, busy } = slowly()
    const peers = ['ann', 'bob', 'cid', 'dan'].map((user) => h.connect(user))
    const log = come(peers)
    // What they have sent last is in the same frame.
    for (const peer of peers.slice(1)) {
      peer.input(log, 1)
      peer.send({ type: 'leave', call: peer.call(), log })
    }
    h.settle()
    expect(slots()).toEqual([0])
    sweep()
    const again = ['bob', 'cid', 'dan'].map((user) => h.connect(user))
    come(again)
    busy()
    for (const peer of again) peer.hangUp(true)
    busy(false)
    expect(sweep()).toHaveLength(3)
  })

  it('take turns by user, however many meetings one of them has left', () => {
    const names = ['a', 'b', 'c', 'd']
    const { h, come, sweep, busy } = slowly({}, ...names)
    const [eve, ann, bob] = ['eve', 'ann', 'bob'].map((user) => h.connect(user)) as [Peer, Peer, Peer]
    for (const name of names) come([eve], name)
    come([eve, ann, bob])
    busy()
    for (const peer of [eve, ann, bob]) peer.hangUp(true)
    // There is time again, but others of hers wait.
    busy(false)
    const late = h.node.kick('m', 0, 'out')
    busy()
    const told = Array.from({ length: 7 }, () => sweep().join())
    expect([late, told]).toEqual([
      false,
      [
        'eve leaves a 0: left',
        'ann leaves m 1: left',
        'bob leaves m 2: left',
        'eve leaves b 0: left',
        'eve leaves c 0: left',
        'eve leaves d 0: left',
        'eve leaves m 0: left',
      ],
    ])
  })

  it('leave before their user joins again, so the business never has the user there twice', () => {
    const { h, come, slots, sweep, busy } = slowly()
    const [eve, ann, tab] = [h.connect('eve'), h.connect('ann'), h.connect('eve')] as [Peer, Peer, Peer]
    const log = come([eve])
    come([ann, tab])
    busy()
    ann.hangUp(true)
    eve.send({ type: 'leave', call: eve.call(), log })
    tab.hangUp(true)
    eve.join('m')
    // One of them: so nobody waits longer for a user who has many.
    expect([sweep(), slots()]).toEqual([
      ['eve leaves m 2: left', 'eve joins m 2', 'ann leaves m 1: left'],
      [0, 2],
    ])
    expect([sweep(), slots()]).toEqual([['eve leaves m 0: left'], [2]])
  })

  it('do not leave before others of the same user who wait', () => {
    const { h, come, news, sweep, busy } = slowly({}, 'other')
    const [one, two] = [h.connect('eve'), h.connect('eve')]
    come([one], 'other')
    come([two])
    busy()
    one.hangUp(true)
    busy(false)
    two.hangUp(true)
    expect(news()).toEqual([])
    expect(sweep()).toEqual(['eve leaves other 0: left', 'eve leaves m 0: left'])
  })

  it('leave a full meeting at once where somebody wants a slot, and the business hears of that first', () => {
    const { h, come, slots, sweep, busy } = slowly({ capacity: 4 })
    const [eve, ann] = [['eve', 'eve', 'eve'].map((user) => h.connect(user)), h.connect('ann')]
    const [bob, cid] = [h.connect('bob'), h.connect('cid')]
    come([...eve, ann])
    busy()
    for (const peer of eve) peer.hangUp(true)
    for (const peer of [bob, cid]) peer.join('m')
    expect([sweep(), slots()]).toEqual([
      [
        'eve leaves m 0: left',
        'bob joins m 0',
        'eve leaves m 1: left',
        'cid joins m 1',
        'eve leaves m 2: left',
      ],
      [3, 0, 1],
    ])
    expect([bob, cid].map((peer) => peer.takeOf('joined').length)).toEqual([1, 1])
  })

  it('make room in a full meeting for a user without a seat', () => {
    const { h, come, sweep, busy } = slowly({ capacity: 2 })
    const [one, two, cid] = [h.connect('eve'), h.connect('eve'), h.connect('cid')]
    come([one, two])
    busy()
    cid.join('m')
    expect(sweep()).toEqual(['eve leaves m 1: kicked', 'cid joins m 1'])
  })

  it('keep a clock running until all have left, so their leaving is in a frame', () => {
    const { h, come, slots, sweep, busy } = slowly({ frameRate: 20, ttlMs: 1_000 })
    const peers = ['eve', 'eve', 'eve'].map((user) => h.connect(user))
    come(peers)
    busy()
    for (const peer of peers) peer.hangUp(true)
    for (const left of [[1, 2], [2], []]) {
      h.now += 50
      sweep()
      expect(slots()).toEqual(left)
    }
    h.now += 50
    sweep()
    const events = [...h.node.meetingHistory('m', 0, 1_000)].flatMap((frame) => frame.events)
    expect(events.at(-1)).toMatchObject({ type: 'leave', slot: 2 })
    h.advance(1_500)
    expect([sweep(), h.node.meetingCount]).toEqual([['closes'], 0])
  })

  it('hold up no meeting that is closed by those who wait elsewhere, nor by who would come and leave', () => {
    const names = ['a', 'b', 'c', 'd']
    const { h, come, slots, sweep, busy } = slowly({}, ...names)
    const [eve, two] = [h.connect('eve'), h.connect('eve')]
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    for (const name of names) come([eve], name)
    come([eve, two, ann])
    busy()
    for (const peer of [eve, two]) peer.hangUp(true)
    h.node.closeMeeting('m', h.now)
    bob.join('m')
    expect([sweep(), sweep(), slots(), sweep(), sweep()]).toEqual([
      ['eve leaves a 0: left'],
      ['eve leaves m 0: left'],
      [1, 2],
      ['eve leaves b 0: left'],
      ['eve leaves m 1: left', 'closes'],
    ])
    h.settle()
    expect(bob.takeOf('failed')).toMatchObject([{ error: 'BUSY' }])
    expect(h.node.meetingCount).toBe(4)
  })

  it('have left before their meeting ends, in turns unless the node ends', () => {
    for (const isNow of [false, true]) {
      const { h, come, news, sweep, busy } = slowly()
      const [eve, ann] = [['eve', 'eve', 'eve'].map((user) => h.connect(user)), h.connect('ann')]
      come([...eve, ann])
      busy()
      for (const peer of eve) peer.hangUp(true)
      h.node.closeMeeting('m', h.now, 'the first word', isNow)
      if (isNow)
        expect(news()).toEqual([
          'eve leaves m 0: left',
          'eve leaves m 1: left',
          'eve leaves m 2: left',
          'closes',
        ])
      else {
        h.node.closeMeeting('m', h.now, 'another one')
        expect([sweep(), sweep(), h.node.meetingCount]).toEqual([
          ['eve leaves m 0: left'],
          ['eve leaves m 1: left'],
          1,
        ])
        expect(sweep()).toEqual(['eve leaves m 2: left', 'closes'])
      }
      h.settle()
      expect(ann.takeOf('ended')).toMatchObject([{ message: 'the first word' }])
      expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
    }
  })

  it('are no members for anything but their slot, and bots leave without the business being asked', () => {
    const { h, come, slots, sweep, busy } = slowly()
    const [one, two, again] = [h.connect('eve'), h.connect('eve'), h.connect('eve')]
    const log = come([one, two])
    const bot = h.node.addBot('m', 'bot')
    busy()
    for (const peer of [one, two]) peer.hangUp(true)
    expect([h.node.kick('m', 1, 'out'), h.node.sendTo('m', 1, text('x'))]).toEqual([false, false])
    if (typeof bot === 'object') bot.leave()
    expect(slots()).toEqual([0, 1])
    // Nor is a place kept for the same user, one of whom leaves first.
    again.join('m')
    sweep()
    expect(again.takeOf('joined')).toMatchObject([{ log, slot: 0 }])
  })
})

describe('Members who wait to leave a meeting', () => {
  const member = (user: string, parts: object = {}): Member =>
    ({
      user,
      slot: 0,
      seat: { elector: {} },
      waiting: 0,
      standing: { is: 'leaving', reason: 'left' },
      ...parts,
    }) as never

  function desk(members: readonly Member[], { leavers = new Leavers(), maker = '', isBehind = false } = {}) {
    const left: string[] = []
    const departures = new Departures({
      roster: {
        all: () => members,
        remove: ({ user }: Member, reason: string) => void left.push(`${user} ${reason}`),
      } as never,
      electorate: {
        leave: (_: object, frame: number, asked: boolean) => void left.push(`${frame} ${asked}`),
      } as never,
      log: { next: 7 },
      maker: maker === '' ? null : { user: maker },
      notices: { isBehind, wantsDepartures: false, tell: () => {} } as never,
      leavers,
    })
    return { departures, leavers, left }
  }

  it('do so where another node goes on with it, but for those whose inputs are in no frame yet', () => {
    const { departures, leavers, left } = desk([
      member('ann'),
      member('bob', { standing: { is: 'present' } }),
      member('cid', { waiting: 1 }),
    ])
    departures.restore()
    expect(['ann', 'bob', 'cid'].map((user) => leavers.has(user))).toEqual([true, false, false])
    leavers.sweep()
    expect([left, departures.hasSome, leavers.hasSome]).toEqual([['ann left', '7 true'], false, false])
  })

  it('wait no more once it has ended here', () => {
    const [ann, bob] = [member('ann'), member('bob')]
    const { departures, leavers, left } = desk([])
    for (const each of [ann, bob]) departures.wait(each)
    departures.clear()
    expect([departures.hasSome, leavers.hasSome]).toEqual([false, false])
    leavers.sweep()
    expect(left).toEqual([])
  })

  it('that ends take turns by whom the meetings were opened for, with users who have left others', () => {
    const leavers = new Leavers()
    const [last, other, plain, open] = ['tom', 'tim', '', ''].map((maker) =>
      desk([], { leavers, maker, isBehind: true }),
    ) as [ReturnType<typeof desk>, ReturnType<typeof desk>, ReturnType<typeof desk>, ReturnType<typeof desk>]
    for (const user of ['eve', 'eve', 'ann']) open.departures.wait(member(user))
    for (const each of [last, other, plain])
      for (const user of ['eve', 'bob']) each.departures.wait(member(user))
    for (const { departures } of [last, other, plain]) {
      expect(departures.isLast).toBe(false)
      departures.hasten()
      expect(departures.isLast).toBe(true)
    }
    const turns = Array.from({ length: 9 }, () => {
      leavers.sweep()
      const at = [last, other, plain, open].findIndex(({ left }) => left.length > 0)
      const [said = ''] = [last, other, plain, open][at]?.left.splice(0) ?? []
      return `${['tom', 'tim', 'nobody', 'open'][at]}: ${said.split(' ')[0]}`
    })
    expect(turns).toEqual([
      'open: eve',
      'open: ann',
      'tom: eve',
      'tim: eve',
      'nobody: eve',
      'open: eve',
      'tom: bob',
      'tim: bob',
      'nobody: bob',
    ])
    expect(leavers.hasSome).toBe(false)
  })

  it('count as lost with what they have not acknowledged unless they have asked to leave', () => {
    const { departures, left } = desk([])
    for (const reason of ['left', 'expired', 'kicked'])
      departures.add(member(reason, { standing: { is: 'leaving', reason } }))
    expect(left).toEqual(['left left', '7 true', 'expired expired', '7 false', 'kicked kicked', '7 false'])
  })
})
