import { describe, expect, it } from 'vitest'
import type { MeetingLogic } from '../../../src/core/index.ts'
import { closeCodes, type MessageOf } from '../../../src/protocol/index.ts'
import { type Moment, Random } from '../../../src/testing/index.ts'
import { framesOf, Harness, type Peer, publicationsOf, text, textOf } from './harness.ts'
import { alive } from './wanderer.ts'

const moments: readonly Moment[] = ['before', 'after']

/** Throws at this call and at no other; at every one, or `times` times. */
function strike(h: Harness, call: string, moment: Moment = 'before', times = Infinity): void {
  h.strikes = (made) => (made === call && times-- > 0 ? moment : null)
}

const pushesOf = (peer: Peer): string[] => peer.takeOf('push').map(({ data }) => textOf(data))
const failuresOf = (peer: Peer): [number, string][] =>
  peer.takeOf('failed').map(({ call, error }) => [call, error])

/** The session of a peer goes on with another connection; what it had not got comes now. */
function comeBack(h: Harness, user: string, peer: Peer, received: number): MessageOf<'push'>[] {
  const again = h.open()
  again.hello(user, { session: peer.session, received })
  h.settle()
  return again.takeOf('push')
}

describe('a socket that throws', () => {
  for (const moment of moments) {
    it(`while it is written to (${moment}) costs its connection, and nobody else anything`, () => {
      const h = new Harness()
      const [ann, bob, carl] = [h.connect('ann'), h.connect('bob'), h.connect('carl')]
      strike(h, 'transport 2.write', moment)
      for (const user of ['ann', 'bob', 'carl']) h.node.push(user, 'note', text(`for ${user}`))
      h.settle()
      expect(pushesOf(ann)).toEqual(['for ann'])
      expect(pushesOf(carl)).toEqual(['for carl'])
      expect(h.faults).toEqual(['transport 2.write'])
      expect(h.node.connections).toBe(2)
      expect(bob.transport.closed).toEqual({ code: 1011, reason: 'LOST' })
      expect(h.application.presence.at(-1)).toBe('bob LOST')
      // Its session waits, with everything.
      expect(comeBack(h, 'bob', bob, 0).map(({ data }) => textOf(data))).toEqual(['for bob'])
      h.node.push('ann', 'note', text('and on'))
      h.settle()
      expect(pushesOf(ann)).toEqual(['and on'])
    })
  }

  it('does so once, whatever else is done to it before the sweep that gives it up', () => {
    const h = new Harness()
    const ann = h.connect('ann')
    h.strikes = (call) => (call.startsWith('transport 1') ? 'before' : null)
    h.node.disconnect('ann', 'enough', false, h.now)
    expect(h.faults).toEqual(['transport 1.write', 'transport 1.close'])
    h.settle()
    h.advance(60_000)
    expect(h.faults).toHaveLength(2)
    expect(h.node.connections).toBe(0)
    expect(ann.transport.closed).toBe(null)
  })

  it('does not keep the frames of a meeting from its other members', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 20 }, h.now)
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    const { log } = h.seat(ann, 'm')
    h.seat(bob, 'm')
    strike(h, 'transport 1.write')
    for (let seq = 1; seq <= 5; seq++) {
      bob.input(log, seq)
      h.advance(50)
    }
    const frames = framesOf(bob.take())
    expect(frames.map(({ number }) => number)).toEqual(frames.map((_, at) => (frames[0]?.number ?? 0) + at))
    expect(frames.flatMap(({ inputs }) => inputs.map(({ seq }) => seq))).toEqual([1, 2, 3, 4, 5])
    expect(frames.flatMap(({ events }) => events)).toContainEqual({ type: 'away', slot: 0 })
  })

  for (const call of ['pause', 'resume'] as const) {
    it(`in ${call} costs its connection`, () => {
      const h = new Harness()
      strike(h, `transport 1.${call}`)
      const ann = h.open()
      ann.hello('ann')
      h.settle()
      expect(h.faults).toEqual([`transport 1.${call}`])
      expect(h.node.connections).toBe(0)
      expect(ann.closed).toBe(1011)
      expect(h.node.admission.newcomers).toBe(0)
      expect(h.connect('ann').session).not.toBe('')
    })
  }

  it('while it is turned away leaves no trace of it', () => {
    const h = new Harness({ connections: 1 })
    h.connect('ann')
    h.strikes = (call) => (call.startsWith('transport 2') ? 'before' : null)
    h.open()
    h.settle()
    expect(h.node.connections).toBe(1)
    expect(h.node.deadline(h.now)).toBeGreaterThan(h.now)
  })
})

describe('a business that throws', () => {
  for (const moment of moments) {
    it(`while it checks tokens (${moment}) turns them away to come again, and holds no place of others`, () => {
      const h = new Harness({ verifications: 2 })
      strike(h, 'application.authenticate', moment, 5)
      h.slowTokens = true
      const early = Array.from({ length: 5 }, () => h.open())
      for (const peer of early) peer.hello('ann')
      h.settle()
      h.application.asked.length = 0
      expect(early.map(({ closed }) => closed)).toEqual(early.map(() => closeCodes.FULL))
      h.slowTokens = false
      expect(h.connect('ann').session).not.toBe('')
    })

    it(`while it is given a request (${moment}) fails that request, once, and gets the next`, () => {
      const h = new Harness()
      const ann = h.connect('ann')
      strike(h, 'application.request', moment, 1)
      ann.request('a')
      ann.request('b')
      h.settle()
      expect(failuresOf(ann)).toEqual([[1, 'HANDLER_FAILED']])
      expect(h.application.requests.at(-1)?.method).toBe('b')
      for (const call of h.application.requests)
        h.node.handleReply(call, { ok: true, value: text('re') }, h.now)
      h.settle()
      expect(ann.takeOf('reply').map(({ call }) => call)).toEqual([2])
      expect(h.node.requestsOpen).toBe(0)
    })

    it(`while it is asked whether something is allowed (${moment}) has not allowed it`, () => {
      const h = new Harness()
      h.node.askFirst(true)
      const ann = h.connect('ann')
      strike(h, 'application.authorize', moment, 1)
      ann.publish('t', text('x'))
      ann.request('behind')
      h.settle()
      expect(failuresOf(ann)).toEqual([[1, 'FORBIDDEN']])
      expect(h.application.requests).toHaveLength(1)
    })

    it(`while it is asked to open a meeting (${moment}) has not opened it`, () => {
      const h = new Harness()
      h.node.openOnDemand(true)
      const ann = h.connect('ann')
      strike(h, 'application.openMissing', moment, 1)
      ann.join('m')
      ann.request('behind')
      h.settle()
      expect(failuresOf(ann)).toEqual([[1, 'NOT_FOUND']])
      expect(h.application.requests).toHaveLength(1)
    })

    it(`while it is told of anything (${moment}) has been told, and all goes on`, () => {
      const told = ['connected', 'disconnected', 'requestEnded', 'authorizeEnded']
      const h = new Harness({ authorizeMs: 100, sessionKeepMs: 1_000 })
      h.node.askFirst(true)
      h.strikes = (call) => (told.includes(call.slice('application.'.length)) ? moment : null)
      const [ann, bob] = [h.connect('ann'), h.connect('bob')]
      ann.request('slow', text('x'), 50)
      ann.publish('t', text('never answered'))
      h.advance(200)
      expect(ann.take().map(({ type }) => type)).toEqual(['failed', 'failed'])
      ann.hangUp()
      alive(h, 2_000, bob)
      expect(h.faults.map((call) => call.slice('application.'.length))).toEqual([
        'connected',
        'connected',
        'requestEnded',
        'authorizeEnded',
        'disconnected',
        'disconnected',
      ])
      expect(h.node.sessions).toBe(1)
      h.node.push('bob', 'note', text('still here'))
      h.settle()
      expect(pushesOf(bob)).toEqual(['still here'])
    })
  }
})

describe('a bus that throws', () => {
  for (const moment of moments) {
    it(`(${moment}) loses what it was given and nothing else`, () => {
      const h = new Harness()
      const ann = h.connect('ann')
      h.strikes = (call) => (call.startsWith('bus.') ? moment : null)
      h.listen(ann, 't')
      h.publish('t', 'one')
      h.settle()
      h.strikes = () => null
      h.publish('t', 'two')
      h.settle()
      expect(ann.takeTexts()).toEqual(['one', 'two'])
      expect(h.faults).toContain('bus.subscribe')
    })
  }
})

/** Passes everything on, and notes what it heard. */
function logicOf(heard: string[]): MeetingLogic {
  return {
    join: (slot, user) => {
      heard.push(`join ${slot} ${user}`)
      return null
    },
    input: (_slot, user, data) => {
      heard.push(`input ${user}`)
      return data
    },
    frame: ({ number }) => void heard.push(`frame ${number}`),
    leave: (_slot, user, reason) => void heard.push(`leave ${user} ${reason}`),
    close: () => void heard.push('close'),
  }
}

function openMeeting(h: Harness, heard: string[] = []): void {
  const logic = h.port('logic', logicOf(heard))
  h.node.openMeeting('m', { frameRate: 0 }, h.now, { kind: 'k', metadata: {}, logic })
}

describe('the logic of a meeting that throws', () => {
  for (const moment of moments) {
    it(`in join (${moment}) lets nobody in, and holds no slot`, () => {
      const h = new Harness()
      openMeeting(h)
      const [ann, bob] = [h.connect('ann'), h.connect('bob')]
      strike(h, 'logic.join', moment, 1)
      ann.join('m')
      h.settle()
      expect(failuresOf(ann)).toEqual([[1, 'HANDLER_FAILED']])
      expect(h.seat(bob, 'm').slot).toBe(0)
    })

    it(`in input (${moment}) refuses that input`, () => {
      const h = new Harness()
      openMeeting(h)
      const ann = h.connect('ann')
      const { log } = h.seat(ann, 'm')
      strike(h, 'logic.input', moment, 1)
      ann.input(log, 1)
      ann.input(log, 2)
      h.settle()
      const heard = ann.take()
      expect(heard.filter(({ type }) => type === 'nack')).toMatchObject([{ seq: 1, error: 'HANDLER_FAILED' }])
      expect(framesOf(heard).flatMap(({ inputs }) => inputs.map(({ seq }) => seq))).toEqual([2])
    })

    it(`in frame, leave and close (${moment}) has heard of it, and the meeting goes on`, () => {
      const h = new Harness()
      const heard: string[] = []
      openMeeting(h, heard)
      const [ann, bob] = [h.connect('ann'), h.connect('bob')]
      const { log } = h.seat(ann, 'm')
      h.seat(bob, 'm')
      h.strikes = (call) => (/^logic\.(frame|leave|close)$/.test(call) ? moment : null)
      bob.send({ type: 'leave', call: bob.call(), log })
      ann.input(log, 1)
      h.settle()
      expect(framesOf(ann.take()).flatMap(({ inputs }) => inputs.map(({ seq }) => seq))).toEqual([1])
      h.node.closeMeeting('m', h.now)
      h.settle()
      expect(ann.takeOf('ended')).toMatchObject([{ error: 'CLOSED' }])
      expect(h.node.meeting('m')).toBe(undefined)
      expect(new Set(h.faults)).toEqual(new Set(['logic.frame', 'logic.leave', 'logic.close']))
      if (moment === 'after') expect(heard).toContain('close')
    })
  }
})

/** Everything that a bystander is owed, checked while all else falls to pieces. */
class Bystander {
  readonly peer: Peer
  readonly frames: number[] = []
  readonly texts: string[] = []
  readonly pushes: string[] = []

  constructor(peer: Peer) {
    this.peer = peer
  }

  listen(): void {
    const messages = this.peer.take()
    this.frames.push(...framesOf(messages).map(({ number }) => number))
    this.texts.push(...publicationsOf(messages).map(({ data }) => textOf(data)))
    for (const message of messages) if (message.type === 'push') this.pushes.push(textOf(message.data))
  }
}

describe('whatever throws, by chance and everywhere', () => {
  for (let seed = 1; seed <= 30; seed++) {
    it(`seed ${seed}: who has nothing to do with it misses nothing and hears nothing of others`, () => {
      const random = new Random(seed)
      const h = new Harness({ heartbeatMs: 60_000, sessionKeepMs: 500 })
      h.node.openMeeting('m', { frameRate: 20 }, h.now)
      const bob = h.connect('bob')
      h.seat(bob, 'm')
      h.listen(bob, 't')
      const bystander = new Bystander(bob)
      h.strikes = (call) =>
        !call.startsWith('transport 1.') && random.chance(0.3) ? random.pick(moments) : null
      const sent = { texts: [] as string[], pushes: [] as string[] }
      let others: Peer[] = []
      for (let turn = 0; turn < 200; turn++) {
        const name = `${turn}`
        others = others.filter(({ closed }) => closed === null)
        const other = others.length === 0 ? null : random.pick(others)
        switch (random.int(0, 8)) {
          case 0: {
            const peer = h.open()
            peer.hello(random.pick(['ann', 'carl']))
            others.push(peer)
            break
          }
          case 1:
            other?.join('m')
            other?.subscribe('t')
            break
          case 2:
            other?.request('r', text('x'), random.int(1, 100))
            break
          case 3:
            other?.hangUp(random.chance(0.5))
            others = others.filter((peer) => peer !== other)
            break
          case 4:
            h.node.push(random.pick(['ann', 'carl']), 'note', text('not for bob'))
            break
          case 5:
            h.node.push('bob', 'note', text(name))
            sent.pushes.push(name)
            break
          case 6:
            h.publish('t', name)
            sent.texts.push(name)
            break
          case 7:
            h.node.disconnect('ann', 'enough', random.chance(0.5), h.now)
            break
          default:
        }
        h.advance(random.pick([0, 0, 30, 200]))
        bystander.listen()
      }
      alive(h, 2_000, bob)
      bystander.listen()
      expect(bystander.pushes).toEqual(sent.pushes)
      expect(bystander.texts).toEqual(sent.texts)
      const first = bystander.frames[0] ?? 0
      expect(bystander.frames).toEqual(bystander.frames.map((_, at) => first + at))
      // The clock went on all the while.
      expect(bystander.frames.length).toBeGreaterThan(50)
      expect(h.faults.length).toBeGreaterThan(0)
      for (const peer of others) peer.hangUp(true)
      alive(h, 1_000, bob)
      expect(h.node.sessions).toBe(1)
      expect(h.node.connections).toBe(1)
      expect(h.node.admission.newcomers).toBe(0)
    })
  }
})

describe('randomness that throws', () => {
  it('costs the connection that needed an id, and whoever is turned away is told', () => {
    const h = new Harness({ connections: 2 })
    const ann = h.connect('ann')
    h.randomness = () => {
      throw new Error('no entropy')
    }
    const bob = h.open()
    bob.hello('bob')
    h.settle()
    expect(bob.closed).toBe(closeCodes.FULL)
    const [carl, dave] = [h.open(), h.open()]
    h.settle()
    expect(dave.closed).toBe(closeCodes.FULL)
    carl.hangUp(true)
    h.node.push('ann', 'note', text('still here'))
    h.settle()
    expect(pushesOf(ann)).toEqual(['still here'])
    expect([h.node.connections, h.node.sessions, h.node.admission.newcomers]).toEqual([1, 1, 0])
  })
})
