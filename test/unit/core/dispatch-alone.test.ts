import { describe, expect, it, vi } from 'vitest'
import type { Limits } from '../../../src/core/ground/config.ts'
import { FREE_WORK } from '../../../src/core/ground/work.ts'
import type { Question, Refusal } from '../../../src/core/index.ts'
import type { Outlet } from '../../../src/core/log/log.ts'
import type { Joined } from '../../../src/core/session/elsewhere.ts'
import type { HeldSubscribe, Seat } from '../../../src/core/session/parts.ts'
import type { Session } from '../../../src/core/session/session.ts'
import { Dispatch } from '../../../src/core/up/dispatch.ts'
import type { Cluster } from '../../../src/core/up/searches.ts'
import type { ClientMessage, ErrorCode, MessageOf, ServerMessage } from '../../../src/protocol/index.ts'
import { messages } from '../../../src/testing/index.ts'
import { connect, disconnect, inputOf, joinOf, Parts } from './cluster/parts.ts'
import { grant, text, wish } from './harness.ts'

/* Dispatch alone: meetings, topics, the business and other nodes do and answer what the test says. */

class Desk extends Parts {
  /** What clients were told. */
  readonly answers: ServerMessage[] = []
  readonly floods: Outlet[] = []
  readonly questions: Question[] = []
  /** What topics were asked for, in words. */
  readonly said: string[] = []
  /** Subscriptions that wait, and the names that each waits with. */
  readonly asked: { readonly names: readonly string[]; readonly held: HeldSubscribe }[] = []
  readonly elsewhere: ((answer: Joined, now: number) => void)[] = []
  readonly owners: number[] = []
  isHolding = false
  mustWait = false
  isUnheard = false
  owner = 0
  joined: Joined = 'NOT_FOUND'
  subscribed: MessageOf<'subscribed'> | ErrorCode = { type: 'subscribed' } as MessageOf<'subscribed'>
  published: number | ErrorCode = 0
  /** Nanoseconds of work that a topic causes. */
  costs = 0
  readonly dispatch: Dispatch

  constructor(limits: Partial<Limits> = {}, isAlone = false) {
    super(limits)
    const downstream = {
      send: (_: Session, message: ServerMessage) => void this.answers.push(message),
      fail: (
        _: Session,
        { call }: { call: number },
        error: ErrorCode,
        message = '',
        index = 0,
        retryAfter = 0,
        reason = '',
      ) => void this.answers.push({ type: 'failed', call, index, error, message, retryAfter, reason }),
    }
    const cluster = {
      self: 1,
      ownerOf: () => this.owner,
      recalls: () => false,
      outruns: () => false,
      find: () => {},
      join: (owner, _session, _message, _now, answer) => {
        this.owners.push(owner)
        this.elsewhere.push(answer)
      },
      drop: () => {},
    } satisfies Cluster
    const requests = { drop: () => {}, of: () => 0, start: () => {}, cancel: () => {} }
    this.dispatch = new Dispatch(this.limits, this.stats, this.work, {
      downstream: downstream as never,
      meetings: { join: () => this.joined },
      topics: {
        hold: (_session, _message, names, _now, held) => {
          this.asked.push({ names: [...names], held })
          return this.isHolding
        },
        drop: () => {},
        subscribe: (_session, _call, index, { topic }) => {
          this.said.push(`subscribe ${topic}`)
          this.work.done += this.costs
          return typeof this.subscribed === 'string' && index === 0 ? 'FORBIDDEN' : this.subscribed
        },
        mustWait: () => this.mustWait,
        isUnheard: () => this.isUnheard,
        publish: (name) => {
          this.said.push(`publish ${name}`)
          this.work.done += this.costs
          return this.published
        },
      },
      requests: requests as never,
      timers: this.timers,
      application: { authorize: (question: Question) => void this.questions.push(question) } as never,
      cluster: isAlone ? null : cluster,
      refresh: () => null,
      seated: () => {},
      flood: (outlet) => void this.floods.push(outlet),
    })
  }

  send(session: Session, ...all: readonly ClientMessage[]): void {
    for (const message of all) this.dispatch.enqueue(session, message, this.now)
  }

  /** Sweeps, and returns what topics were asked for since. */
  sweep(times = 3): string[] {
    for (let n = 0; n < times; n++) {
      this.work.begin()
      this.dispatch.sweep(this.now)
    }
    return this.said.splice(0)
  }

  /** The errors that clients were told since. */
  errors(): string[] {
    return this.answers
      .splice(0)
      .flatMap((each) => (each.type === 'failed' || each.type === 'nack' ? [each.error] : []))
  }
}

const publishOf = (call = 0, topic = 't'): MessageOf<'publish'> => ({
  type: 'publish',
  call,
  topic,
  key: '',
  tombstone: false,
  data: text('x'),
})

const subscribeOf = (call: number, ...topics: readonly string[]): MessageOf<'subscribe'> =>
  messages.subscribe(call, ...topics)

/** A seat that takes every input; what it was told. */
function seatOf(last = 0): { readonly seat: Seat; readonly told: string[] } {
  const told: string[] = []
  const seat = {
    name: 'm',
    slot: 0,
    weight: 0,
    last,
    turnAway: (seq: number) => void told.push(`turned away ${seq}`),
    accept: ({ seq }: MessageOf<'input'>) => (told.push(`took ${seq}`), null),
    detach: () => true,
    end: () => {},
  }
  return { seat: seat as never, told }
}

/** A JOIN of somebody who had a seat, which is put aside while another node has it. */
const heldJoin = (parts: Partial<MessageOf<'join'>> = {}): MessageOf<'join'> =>
  joinOf({ held: [{ slot: 0, elected: 1, term: 1, incarnation: 1, seen: 1, stable: 0 }] as never, ...parts })

describe('A business that has yet to hear publications', () => {
  it('holds publications, and what comes behind them, but nothing else', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    desk.mustWait = true
    desk.send(ann, subscribeOf(1, 'a'), publishOf(), subscribeOf(2, 'b'))
    expect([desk.sweep(), desk.dispatch.hasWork]).toEqual([['subscribe a'], true])
    desk.mustWait = false
    expect(desk.sweep()).toEqual(['publish t', 'subscribe b'])
  })

  it('does not hear those of a session that ends, which are one too many, and all else of it is done', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    desk.isUnheard = true
    desk.send(ann, publishOf(), subscribeOf(1, 'a'))
    desk.dispatch.finish(ann, desk.now)
    expect(desk.said).toEqual(['subscribe a'])
  })
})

describe('A JOIN that was put aside', () => {
  it('is placed anew in a turn of its session where the node had nothing', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    desk.owner = 2
    desk.send(ann, heldJoin({ call: 1 }), publishOf())
    expect([desk.sweep(), desk.owners]).toEqual([['publish t'], [2]])
    desk.owner = 3
    desk.elsewhere[0]?.('NOT_FOUND', desk.now)
    expect(desk.owners).toEqual([2])
    desk.sweep()
    expect([desk.owners, desk.errors()]).toEqual([[2, 3], []])
  })

  it('is refused where its session has filled its queue meanwhile', () => {
    const desk = new Desk({ upstreamMessages: 1 })
    const ann = desk.session('ann')
    desk.owner = 2
    desk.send(ann, heldJoin({ call: 1 }))
    desk.sweep()
    desk.send(ann, publishOf())
    desk.elsewhere[0]?.('NOT_FOUND', desk.now)
    expect([desk.errors(), desk.sweep(), desk.owners]).toEqual([['BUSY'], ['publish t'], [2]])
  })

  it('holds what is behind it no longer where there was no room to put it aside before', () => {
    const desk = new Desk({ meetingsPerSession: 1 })
    const ann = desk.session('ann')
    const { seat } = seatOf()
    ann.sit(4, seat)
    desk.owner = 2
    desk.send(ann, heldJoin({ call: 1 }), publishOf())
    expect([desk.sweep(), ann.isHeld]).toEqual([[], true])
    // The other meeting has ended, and the node that was asked does not have this one.
    ann.stand(4)
    desk.owner = 3
    desk.elsewhere[0]?.('NOT_FOUND', desk.now)
    expect([desk.owners, ann.isHeld, desk.sweep()]).toEqual([[2, 3], false, ['publish t']])
  })
})

describe('A SUBSCRIBE', () => {
  it('that the business allows may wait for other nodes still, and is acted on once', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    desk.dispatch.gate.on = true
    desk.isHolding = true
    desk.send(ann, subscribeOf(1, 'a'))
    desk.sweep()
    desk.dispatch.gate.answer(desk.questions[0] as Question, true, desk.now)
    expect([desk.sweep(), desk.asked.length]).toEqual([[], 1])
    desk.asked[0]?.held.act(desk.now)
    expect(desk.sweep()).toEqual(['subscribe a'])
  })

  it('waits for topics alone that it may read', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    ann.grant = grant('ann', { read: ['a', 'b', 'c'] })
    desk.send(ann, subscribeOf(1, 'a', 'other', 'not a name*', 'b'))
    desk.sweep()
    expect(desk.asked[0]?.names).toEqual(['a', 'b'])
    desk.dispatch.gate.on = true
    desk.send(ann, subscribeOf(2, 'c', 'b', 'other'))
    desk.sweep()
    for (const question of desk.questions)
      desk.dispatch.gate.answer(question, question.name === 'b', desk.now)
    expect(desk.asked[1]?.names).toEqual(['b'])
  })

  it('waits for nothing where nobody would read', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    desk.send(ann, subscribeOf(1, 'a'))
    disconnect(ann)
    expect([desk.sweep(), desk.asked, desk.errors()]).toEqual([[], [], ['UNKNOWN']])
  })

  it('that failed is no resumption of anything', () => {
    const desk = new Desk()
    const ann = desk.session('ann')
    desk.subscribed = 'LIMIT'
    desk.send(ann, messages.subscribe(1, wish('a', { since: { epoch: 5, at: 1, numbers: [] } })))
    desk.sweep()
    expect([desk.errors(), desk.stats.topicResumes.size]).toEqual([['FORBIDDEN'], 0])
  })

  it('counts as one refusal at most, and none where nothing of it is the fault of its client', () => {
    const desk = new Desk({ refusalBurst: 3, refusalsPerSecond: 0.001, subscribesPerUserPerSecond: 1_000 })
    const ann = desk.session('ann')
    for (let call = 1; call <= 20; call++) desk.send(ann, subscribeOf(call, 'a', 'b'))
    desk.sweep()
    expect(desk.floods).toEqual([])
    // The first topic of each is forbidden, and the node has no time for the second.
    desk.subscribed = 'BUSY'
    for (let call = 21; call <= 23; call++) desk.send(ann, subscribeOf(call, 'a', 'b'))
    desk.sweep()
    expect([desk.errors(), desk.floods.length]).toEqual([
      ['FORBIDDEN', 'BUSY', 'FORBIDDEN', 'BUSY', 'FORBIDDEN', 'BUSY'],
      0,
    ])
    desk.send(ann, subscribeOf(24, 'a', 'b'))
    desk.sweep()
    expect(desk.floods.length).toBe(1)
  })
})

describe('A full queue', () => {
  it('turns inputs away, so that those behind them are none that are missing', () => {
    const desk = new Desk({ upstreamMessages: 1 })
    const ann = desk.session('ann')
    const { seat, told } = seatOf()
    ann.sit(0, seat)
    desk.send(ann, publishOf(), inputOf(1), { type: 'leave', call: 1, log: 0 })
    expect([told, desk.errors()]).toEqual([['turned away 1'], ['BUSY', 'BUSY']])
  })

  it('pauses its socket as often as it fills', () => {
    const desk = new Desk({ upstreamMessages: 1 })
    const ann = desk.session('ann')
    const { outlet } = ann
    for (let n = 0; n < 3; n++) {
      desk.send(ann, publishOf())
      expect(outlet?.paused).toBe(true)
      desk.sweep()
      expect(outlet?.paused).toBe(false)
    }
  })

  it('of a session without a connection pauses nothing', () => {
    const desk = new Desk({ upstreamMessages: 1 })
    const ann = desk.session('ann')
    disconnect(ann)
    desk.send(ann, publishOf())
    connect(ann)
    expect([desk.sweep(), ann.outlet?.paused]).toEqual([['publish t'], false])
  })
})

describe('A refusal', () => {
  it('of an input at another node counts as one here, unless it is the business that refuses', () => {
    const desk = new Desk({ refusalBurst: 2, refusalsPerSecond: 0.001 })
    const ann = desk.session('ann')
    const { seat } = seatOf(7)
    ann.sit(4, seat)
    const refusal: Refusal = { code: 'FORBIDDEN', message: 'no', retryAfterMs: 8, reason: 'late' }
    for (let n = 0; n < 9; n++) desk.dispatch.refuseRemote(ann, { log: 4, seq: 3 }, refusal, true, desk.now)
    expect([desk.floods.length, desk.answers.at(-1)]).toEqual([
      0,
      {
        type: 'nack',
        log: 4,
        seq: 3,
        last: 0,
        error: 'FORBIDDEN',
        message: 'no',
        retryAfter: 8,
        reason: 'late',
      },
    ])
    for (let n = 0; n < 3; n++)
      desk.dispatch.refuseRemote(ann, { log: 4, seq: 3 }, { ...refusal, code: 'LIMIT' }, false, desk.now)
    expect([desk.floods, desk.answers.at(-1)]).toMatchObject([[ann.outlet], { error: 'LIMIT', last: 7 }])
    // Where the seat has gone, nothing was answered.
    ann.stand(4)
    desk.dispatch.refuseRemote(ann, { log: 4, seq: 3 }, { ...refusal, code: 'STALE' }, true, desk.now)
    expect(desk.answers.at(-1)).toMatchObject({ error: 'STALE', last: 0 })
  })

  it('is no flood of a session that has no connection', () => {
    const desk = new Desk({ refusalBurst: 1, refusalsPerSecond: 0.001, excessFactor: 1 })
    const ann = desk.session('ann')
    ann.grant = grant('ann', { write: [] })
    for (let n = 1; n <= 20; n++) desk.send(ann, publishOf(n))
    disconnect(ann)
    desk.sweep()
    expect([desk.errors().length, desk.floods]).toEqual([20, []])
    const bob = desk.session('bob')
    vi.spyOn(bob.account, 'take').mockReturnValue(5)
    for (let n = 1; n <= 20; n++) desk.send(bob, publishOf(n))
    disconnect(bob)
    desk.sweep()
    expect([desk.errors().length, desk.floods]).toEqual([20, []])
  })

  it('of what has no place says so', () => {
    const desk = new Desk({}, true)
    const ann = desk.session('ann')
    desk.published = 'BAD_NAME'
    desk.send(ann, joinOf({ call: 1 }), publishOf(2))
    desk.sweep()
    expect(desk.answers).toMatchObject([
      { error: 'NOT_FOUND', message: 'no meeting m is open here' },
      { error: 'BAD_NAME', message: 'a tombstone removes a key, and this one names none' },
    ])
  })
})

it('Inputs of a session that has ended are counted as refused, and nothing else is', () => {
  const desk = new Desk()
  const ann = desk.session('ann')
  desk.send(ann, publishOf(), inputOf(1), publishOf(), inputOf(2))
  ann.state = { is: 'ended' }
  desk.dispatch.drop(ann, desk.now)
  expect([desk.sweep(), desk.stats.inputsRefused.get('CLOSED'), desk.answers]).toEqual([[], 2, []])
})

it('A sweep that cannot deliver all is counted, and one that can is not', () => {
  const desk = new Desk({ sweepMessages: 2 })
  const ann = desk.session('ann')
  desk.send(ann, publishOf())
  desk.sweep(1)
  expect(desk.stats.sweepsCutUp).toBe(0)
  desk.send(ann, publishOf(), publishOf(), publishOf())
  desk.send(desk.session('bob'), publishOf())
  desk.sweep(1)
  expect(desk.stats.sweepsCutUp).toBe(1)
})

it('A message pays for the work beyond what each item of one may cause', () => {
  const desk = new Desk()
  const ann = desk.session('ann')
  const paid: number[] = []
  vi.spyOn(ann.account, 'pay').mockImplementation((work) => void paid.push(work))
  for (const [costs, message] of [
    [FREE_WORK, publishOf(1)],
    [FREE_WORK + 7_000, publishOf(2)],
    [FREE_WORK, subscribeOf(3, 'a', 'b', 'c')],
    [FREE_WORK + 1_000, subscribeOf(4, 'a', 'b', 'c')],
  ] as const) {
    desk.costs = costs
    desk.send(ann, message)
    desk.sweep()
  }
  expect(paid).toEqual([7_000, 3_000])
})

it('A publication is taken once and tells how full its topic is, and each that asks for no answer is taken', () => {
  const desk = new Desk()
  const ann = desk.session('ann')
  desk.published = 0.37
  desk.send(ann, publishOf(3), publishOf(3), publishOf(2), publishOf(), publishOf())
  expect([desk.sweep().length, desk.answers]).toEqual([3, [{ type: 'done', call: 3, value: 37 }]])
})

it('Whoever joins is told again what was said to them alone before, there and nowhere else', () => {
  const desk = new Desk()
  const ann = desk.session('ann')
  ann.hear([
    { number: 1, meeting: 'm', data: text('a') },
    { number: 2, meeting: 'other', data: text('b') },
  ] as never)
  desk.joined = { type: 'joined', meeting: 'm', log: 6, recovered: true, reason: '' } as MessageOf<'joined'>
  desk.send(ann, joinOf({ call: 1 }))
  desk.sweep()
  expect(desk.answers).toMatchObject([{ type: 'joined' }, { type: 'direct', log: 6, data: text('a') }])
  expect(desk.answers).toHaveLength(2)
})
