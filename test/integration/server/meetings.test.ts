import { afterEach, describe, expect, it } from 'vitest'
import { type Client, connect, type Frame, type Meeting as Joined } from '../../../src/client/node.ts'
import {
  type Bot,
  type Logger,
  type Meeting,
  type MeetingKind,
  type Rtms,
  RtmsError,
} from '../../../src/server/index.ts'
import { start, stopAll } from './peer.ts'

/* Kinds of meetings: the business's hooks, with the real client over real sockets. */

const clients: Client[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stopAll()
})

function client(rtms: Rtms, user: string): Client {
  const made = connect({ getTicket: () => rtms.tickets.issue({ user, meetings: ['*'] }), maxBackoffMs: 100 })
  clients.push(made)
  return made
}

interface Log {
  readonly level: string
  readonly details: Record<string, unknown>
}

/** A node with one kind, `beast`, and what it logs. */
async function world(kind: MeetingKind): Promise<{ rtms: Rtms; logged: Log[] }> {
  const logged: Log[] = []
  const note = (level: string) => (details: object) =>
    void logged.push({ level, details: details as Record<string, unknown> })
  const logger: Logger = { debug() {}, info() {}, warn: note('warn'), error: note('error') }
  const rtms = await start({ logger })
  rtms.meetings.define('beast', { frameRate: 60, ...kind })
  return { rtms, logged }
}

/** What a member sees, in order: `slot data` for inputs, and what happened. */
function watch(meeting: Joined): string[] {
  const seen: string[] = []
  meeting.onFrame(({ events, inputs }: Frame) => {
    for (const event of events)
      seen.push(event.type === 'leave' ? `leave ${event.slot} ${event.reason}` : event.type)
    for (const { slot, data } of inputs) seen.push(`${slot} ${JSON.stringify(data)}`)
  })
  return seen
}

describe('A kind of meeting', () => {
  it('sets what its meetings are opened with, and open may say otherwise', async () => {
    const { rtms } = await world({ capacity: 10 })
    const meeting = await rtms.meetings.open('a', { kind: 'beast', metadata: { level: 3 } })
    await rtms.meetings.open('b', { kind: 'beast', capacity: 2 })
    await rtms.meetings.open('c')
    expect(meeting.metadata).toEqual({ level: 3 })
    expect(meeting.info).toEqual({
      name: 'a',
      kind: 'beast',
      metadata: { level: 3 },
      frameRate: 60,
      capacity: 10,
      members: [],
      spectators: 0,
      frame: 0,
      epoch: expect.any(Number) as number,
      stable: 0,
    })
    expect(
      (await rtms.meetings.list({ kind: 'beast' })).map(({ name, capacity }) => [name, capacity]),
    ).toEqual([
      ['a', 10],
      ['b', 2],
    ])
    expect((await rtms.meetings.list()).map(({ name, kind }) => [name, kind])).toContainEqual(['c', ''])
  })

  it('tells its last frames, opened, until it is closed', async () => {
    const { rtms } = await world({})
    const meeting = await rtms.meetings.open('a', { kind: 'beast' })
    expect(meeting.history()).toEqual([])
    const joined = await client(rtms, 'ann').join('a')
    expect([meeting.seed, meeting.seed.length]).toEqual([joined.seed, 8])
    meeting.seed.fill(0)
    expect(meeting.seed).toEqual(joined.seed)
    await joined.send({ hit: 1 })
    const frame = await joined.send(new Uint8Array([1, 2]))
    const all = meeting.history()
    expect(all[0]).toMatchObject({ number: 1, events: [{ type: 'join', user: 'ann', slot: joined.slot }] })
    expect(all.map(({ number }) => number)).toEqual(all.map((_, index) => index + 1))
    expect(all.flatMap(({ inputs }) => inputs).map(({ slot, seq, data }) => [slot, seq, data])).toEqual([
      [joined.slot, 1, { hit: 1 }],
      [joined.slot, 2, new Uint8Array([1, 2])],
    ])
    expect(meeting.history({ from: frame, to: frame + 1 }).map(({ number }) => number)).toEqual([frame])
    expect(() => meeting.history({ from: -1 })).toThrow(RangeError)
    meeting.close()
    expect(() => meeting.history()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('is checked when it is defined, and has to be known when a meeting is opened', async () => {
    const { rtms } = await world({})
    expect(() => rtms.meetings.define('beast', {})).toThrow('beast was defined already')
    expect(() => rtms.meetings.define('a b', {})).toThrow(RtmsError)
    const wrong = { frameRate: 99, onJoin: 'yes', onjoin() {} } as unknown as MeetingKind
    expect(() => rtms.meetings.define('wrong', wrong)).toThrow(
      /the kind wrong cannot be defined:\n {2}frameRate: .*\n {2}onJoin: .*\n {2}onjoin: /,
    )
    await expect(rtms.meetings.open('m', { kind: 'none' })).rejects.toThrow('the kind none is not known')
    const metadata = 3 as unknown as Record<string, unknown>
    await expect(rtms.meetings.open('m', { metadata })).rejects.toThrow('metadata: expected an object')
  })

  it('tells the whole life of a meeting, always about the same object', async () => {
    const told: string[] = []
    const objects = new Set<Meeting>()
    const note = (what: string, meeting: Meeting): void => {
      told.push(what)
      objects.add(meeting)
    }
    const { rtms } = await world({
      onOpen: (meeting) => note('open', meeting),
      onJoin: ({ user, slot, meeting }) => note(`${user} joins ${slot}`, meeting),
      onInput: ({ user, slot, data, meeting }) => note(`${user} ${slot} ${JSON.stringify(data)}`, meeting),
      onLeave: ({ user, slot, reason, meeting }) => note(`${user} leaves ${slot} ${reason}`, meeting),
      onClose: (meeting) => note(`close ${meeting.members.length}`, meeting),
    })
    const meeting = await rtms.meetings.open('m', { kind: 'beast' })
    objects.add(meeting)
    objects.add(await rtms.meetings.open('m', { kind: 'beast' }))
    objects.add(rtms.meetings.get('m') as Meeting)
    const ann = await client(rtms, 'ann').join('m')
    await client(rtms, 'bob').join('m')
    const seen = watch(ann)
    await ann.send({ hit: 3 })
    expect(seen).toContain('0 {"hit":3}')
    ann.leave()
    await expect.poll(() => told.at(-1)).toBe('ann leaves 0 left')
    meeting.close()
    expect(told).toEqual([
      'open',
      'ann joins 0',
      'bob joins 1',
      'ann 0 {"hit":3}',
      'ann leaves 0 left',
      'close 1',
    ])
    expect(objects.size).toBe(1)
    expect(() => meeting.members).toThrow('was closed')
  })

  it('hears of the end when the node stops', async () => {
    const closed: string[] = []
    const { rtms } = await world({ onClose: ({ name }) => void closed.push(name) })
    for (const name of ['a', 'b']) await rtms.meetings.open(name, { kind: 'beast' })
    await rtms.close({ timeoutMs: 100 })
    expect(closed).toEqual(['a', 'b'])
  })
})

describe('onJoin', () => {
  it('refuses with false, or with an error of its own', async () => {
    const { rtms } = await world({
      onJoin: ({ user }) => {
        if (user === 'full') throw new RtmsError('BUSY', 'come back', { retryAfterMs: 1_500 })
        return user !== 'banned'
      },
    })
    await rtms.meetings.open('m', { kind: 'beast' })
    await expect(client(rtms, 'banned').join('m')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(client(rtms, 'full').join('m')).rejects.toMatchObject({
      code: 'BUSY',
      message: 'come back',
      retryAfterMs: 1_500,
    })
    expect((await client(rtms, 'ann').join('m')).slot).toBe(0)
  })

  it('that fails, or answers with a promise, refuses and is logged', async () => {
    const { rtms, logged } = await world({
      onJoin: ({ user }) => {
        // As JavaScript may have it.
        if (user === 'late') return Promise.reject(new Error('nobody waits for this')) as never
        throw new Error('canary: password of the database')
      },
    })
    await rtms.meetings.open('m', { kind: 'beast' })
    for (const user of ['ann', 'late']) {
      const refused = client(rtms, user).join('m')
      await expect(refused).rejects.toMatchObject({ code: 'HANDLER_FAILED' })
      await expect(refused).rejects.not.toThrow('canary')
    }
    expect(logged).toMatchObject([
      { level: 'error', details: { kind: 'beast', meeting: 'm', hook: 'onJoin' } },
      { level: 'error', details: { err: expect.any(TypeError), hook: 'onJoin' } },
    ])
  })
})

describe('onInput', () => {
  it('passes, drops and replaces', async () => {
    const { rtms } = await world({
      onInput: ({ data, user }) => {
        const { say } = data as { say: string }
        if (say === 'drop') return false
        if (say === 'null') return null
        if (say === 'rate') throw new RtmsError('RATE', 'slowly', { retryAfterMs: 300 })
        if (say === 'stamp') return { say, by: user }
        if (say === 'bytes') return new Uint8Array([1])
        return say === 'true' ? true : undefined
      },
    })
    await rtms.meetings.open('m', { kind: 'beast' })
    const ann = await client(rtms, 'ann').join('m')
    const seen = watch(ann)
    const words = ['pass', 'drop', 'null', 'rate', 'stamp', 'bytes', 'true']
    const ends = await Promise.allSettled(words.map((say) => ann.send({ say })))
    expect(
      ends.map((end) => (end.status === 'fulfilled' ? 'framed' : (end.reason as RtmsError).code)),
    ).toEqual(['framed', 'FORBIDDEN', 'FORBIDDEN', 'RATE', 'framed', 'framed', 'framed'])
    expect(seen.slice(1)).toEqual([
      '0 {"say":"pass"}',
      '0 {"say":"stamp","by":"ann"}',
      '0 {"0":1}',
      '0 {"say":"true"}',
    ])
  })

  it('that fails lets nothing pass: a check cannot be got round by breaking it', async () => {
    const { rtms, logged } = await world({
      onInput: ({ data }) => {
        const { say } = data as { say: string }
        if (say === 'promise') return Promise.reject(new Error('nobody waits for this'))
        if (say === 'large') return 'x'.repeat(5_000)
        return say === 'function' ? () => 1 : say.length > 0
      },
    })
    await rtms.meetings.open('m', { kind: 'beast' })
    const ann = await client(rtms, 'ann').join('m')
    for (const data of [null, { say: 3 }, { say: 'promise' }, { say: 'large' }, { say: 'function' }]) {
      const code = data !== null && data.say === 3 ? 'FORBIDDEN' : 'HANDLER_FAILED'
      await expect(ann.send(data)).rejects.toMatchObject({ code })
    }
    await ann.send({ say: 'fine' })
    expect(logged).toHaveLength(4)
  })
})

const fail = (): never => {
  throw new RtmsError('BUSY', 'at work')
}

describe('A hook that only listens', () => {
  it('and fails is logged, and nothing else happens', async () => {
    const { rtms, logged } = await world({ onOpen: fail, onFrame: fail, onLeave: fail, onClose: fail })
    const meeting = await rtms.meetings.open('m', { kind: 'beast' })
    const ann = await client(rtms, 'ann').join('m')
    await ann.send('x')
    ann.leave()
    await expect.poll(() => logged.some(({ details }) => details['hook'] === 'onLeave')).toBe(true)
    meeting.close()
    expect(new Set(logged.map(({ details }) => details['hook']))).toEqual(
      new Set(['onOpen', 'onFrame', 'onLeave', 'onClose']),
    )
    expect(await rtms.meetings.list()).toEqual([])
  })
})

describe('The business in a meeting', () => {
  it('joins as a bot, whose inputs are in frames like any other', async () => {
    const { rtms } = await world({})
    const meeting = await rtms.meetings.open('m', { kind: 'beast', capacity: 2 })
    const bot = meeting.addBot('robot')
    const ann = await client(rtms, 'ann').join('m')
    expect(ann.members.map(({ slot, user }) => [slot, user])).toEqual([
      [0, 'robot'],
      [1, 'ann'],
    ])
    expect(() => meeting.addBot('second')).toThrow(expect.objectContaining({ code: 'FULL' }))
    expect(() => meeting.addBot('')).toThrow(expect.objectContaining({ code: 'BAD_NAME' }))
    const seen = watch(ann)
    bot.send({ move: 1 })
    await expect.poll(() => seen).toContain('0 {"move":1}')
    const message = 'the payload has 302 bytes where at most 256 are allowed'
    expect(() => bot.send('x'.repeat(300))).toThrow(expect.objectContaining({ code: 'TOO_LARGE', message }))
    bot.leave()
    await expect.poll(() => seen.at(-1)).toBe('leave 0 left')
    expect(() => bot.send(1)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    bot.leave()
    meeting.close()
    expect(() => meeting.addBot('robot')).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('speaks to one member and kicks one, who may come again', async () => {
    const { rtms } = await world({})
    const meeting = await rtms.meetings.open('m', { kind: 'beast' })
    const ann = await client(rtms, 'ann').join('m')
    const bobs = client(rtms, 'bob')
    const bob = await bobs.join('m')
    const heard: unknown[] = []
    ann.onMessage((data) => heard.push('ann', data))
    bob.onMessage((data) => heard.push('bob', data))
    meeting.sendTo(bob.slot, { cards: [1, 2] })
    await expect.poll(() => heard).toEqual(['bob', { cards: [1, 2] }])
    expect(() => meeting.sendTo(0, 'x'.repeat(40_000))).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    )
    expect(() => meeting.say('x'.repeat(5_000))).toThrow(
      /^the payload has 5002 bytes where at most 4096 are allowed$/,
    )
    const seen = watch(ann)
    const ended = new Promise<RtmsError>((resolve) => bob.onEnd(resolve))
    meeting.kick(bob.slot, 'no cheating')
    expect(await ended).toMatchObject({ code: 'CLOSED', message: 'no cheating' })
    await expect.poll(() => seen.at(-1)).toBe('leave 1 kicked')
    expect((await bobs.join('m')).slot).toBe(1)
    expect(meeting.members.map(({ user }) => user)).toEqual(['ann', 'bob'])
  })
})

describe('What a hook asks for', () => {
  it('is done when the sweep is over: who is joining hears what onJoin says to its slot', async () => {
    const { rtms } = await world({
      onJoin: ({ slot, user, meeting }) => meeting.sendTo(slot, `welcome ${user}`),
    })
    await rtms.meetings.open('m', { kind: 'beast' })
    const ann = await client(rtms, 'ann').join('m')
    const heard: unknown[] = []
    ann.onMessage((data) => heard.push(data))
    await expect.poll(() => heard).toEqual(['welcome ann'])
  })

  it('comes behind the input that it answers, in a meeting with a clock and in one without', async () => {
    let bot: Bot | undefined
    const { rtms } = await world({
      onOpen: (meeting) => (bot = meeting.addBot('dealer')) && undefined,
      onInput: ({ data }) => bot?.send({ answer: data }),
      onFrame: ({ inputs }) => {
        for (const { slot, data } of inputs) if (slot === 1) bot?.send({ framed: data })
      },
    })
    for (const frameRate of [60, 0]) {
      await rtms.meetings.open(`m${frameRate}`, { kind: 'beast', frameRate })
      const ann = await client(rtms, 'ann').join(`m${frameRate}`)
      const seen = watch(ann)
      await ann.send('deal')
      await expect.poll(() => seen).toContain('0 {"framed":"deal"}')
      expect(seen.filter((what) => what !== 'resume')).toEqual([
        'join',
        'join',
        '1 "deal"',
        '0 {"answer":"deal"}',
        '0 {"framed":"deal"}',
      ])
    }
  })

  it('may be to kick the sender, or everybody, or to end the meeting', async () => {
    const { rtms } = await world({
      onInput: ({ slot, data, meeting }) => {
        if (data === 'kick me') meeting.kick(slot, 'as you wish')
        if (data === 'kick all') for (const member of meeting.members) meeting.kick(member.slot)
        if (data === 'close') meeting.close()
      },
      onLeave: ({ user, meeting }) => {
        for (const { slot } of meeting.members) meeting.sendTo(slot, `${user} is gone`)
      },
    })
    const meeting = await rtms.meetings.open('m', { kind: 'beast' })
    const ann = client(rtms, 'ann')
    const bob = await client(rtms, 'bob').join('m')
    const heard: unknown[] = []
    bob.onMessage((data) => heard.push(data))
    const seen = watch(bob)
    const ends: string[] = []
    const again = async (say: string): Promise<void> => {
      const joined = await ann.join('m')
      joined.onEnd(({ message }) => ends.push(message))
      joined.send(say).catch(() => {})
      await expect.poll(() => joined.slot >= 0 && ends.length).toBeTruthy()
    }
    await again('kick me')
    expect(ends).toEqual(['as you wish'])
    await expect.poll(() => heard).toEqual(['ann is gone'])
    expect(seen).toContain('1 "kick me"')
    ends.length = 0
    const out = new Promise<RtmsError>((resolve) => bob.onEnd(resolve))
    await again('kick all')
    expect((await out).code).toBe('CLOSED')
    await expect.poll(() => meeting.members).toEqual([])
    ends.length = 0
    await again('close')
    expect(ends).toEqual(['the meeting was closed'])
    expect(await rtms.meetings.list()).toEqual([])
  })

  it('may be more than a bot can say before a frame: what is over is logged', async () => {
    let bot: Bot | undefined
    const { rtms, logged } = await world({
      onOpen: (meeting) => {
        bot = meeting.addBot('robot')
        for (let n = 0; n < 4; n++) bot.send(n)
      },
    })
    await rtms.meetings.open('m', { kind: 'beast', inputBurst: 3 })
    await expect
      .poll(() => logged)
      .toMatchObject([{ level: 'warn', details: { meeting: 'm', slot: 0, code: 'BUSY' } }])
    expect(() => bot?.send(5)).toThrow(expect.objectContaining({ code: 'BUSY' }))
  })

  it('may be to throw the user out of the node', async () => {
    const { rtms } = await world({
      onJoin: ({ user }) => {
        if (user === 'ann') void rtms.users.disconnect(user, { final: true })
      },
      onLeave: ({ user }) => void rtms.users.disconnect(user, { final: true }),
    })
    const meeting = await rtms.meetings.open('m', { kind: 'beast' })
    client(rtms, 'ann')
      .join('m')
      .catch(() => {})
    await expect.poll(() => rtms.stats.sessionsEnded).toBe(1)
    const bobs = client(rtms, 'bob')
    const bob = await bobs.join('m')
    bob.leave()
    await expect.poll(() => bobs.state).toBe('closed')
    expect([rtms.stats.sessionsOpened, rtms.stats.sessionsEnded]).toEqual([2, 2])
    expect(meeting.members).toEqual([])
  })
})
