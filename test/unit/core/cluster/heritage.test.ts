import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  Heritage,
  type Legacy,
  mayContinue,
  type Promised,
  type Term,
  writeLegacy,
} from '../../../../src/core/cluster/heritage.ts'
import { Elector, Electorate } from '../../../../src/core/meeting/electorate.ts'
import { defaultMeeting, fixedLimits } from '../../../../src/core/index.ts'
import type { MeetingEvent } from '../../../../src/protocol/index.ts'

const FENCE = { term: 2, incarnation: 7 }

const term = (slot: number, from = 1, until = Infinity, left = false): Term => ({ slot, from, until, left })
const promised = (slot: number, seen = 0, parts: Partial<Promised> = {}): Promised => ({
  slot,
  elected: 1,
  ...FENCE,
  seen,
  ...parts,
})

/** Whether a log that ends with frame 10, of which 5 is stable, may be gone on with. */
const may = (terms: readonly Term[], promises: readonly Promised[]): boolean =>
  mayContinue(terms, 5, 10, FENCE, promises)

describe('A world goes on', () => {
  it('with more than half of the members, and with half of them it does not', () => {
    const three = [term(0), term(1), term(2)]
    expect(may(three, [promised(0)])).toBe(false)
    expect(may(three, [promised(0), promised(1)])).toBe(true)
    expect(may(three.slice(0, 2), [promised(0)])).toBe(false)
    expect(may(three.slice(0, 2), [promised(0), promised(1)])).toBe(true)
    expect(may(three.slice(0, 1), [promised(0)])).toBe(true)
    expect(may([], [])).toBe(false)
  })

  it('with more than half of each electorate since the stable mark, not only of the last one', () => {
    // Slot 0 was alone up to frame 8, in which two others came.
    const terms = [term(0), term(1, 8), term(2, 8)]
    const others = [promised(1, 0, { elected: 8 }), promised(2, 0, { elected: 8 })]
    expect(may(terms, others)).toBe(false)
    expect(may(terms, [promised(0), ...others.slice(1)])).toBe(true)
    // Before the mark it does not matter who there was.
    expect(
      may(
        [term(0, 1, 4), term(1, 2), term(2, 2)],
        [1, 2].map((slot) => promised(slot, 0, { elected: 2 })),
      ),
    ).toBe(true)
  })

  it('without the word of those who have left, or of a run of a client that another one has followed', () => {
    expect(may([term(0), term(1, 1, 7, true), term(2)], [promised(0), promised(1)])).toBe(false)
    expect(may([term(0), term(1, 1, 7), term(1, 7), term(2)], [promised(0), promised(1)])).toBe(false)
  })

  it('where no frame that is missing can be stable', () => {
    const two = [term(0), term(1)]
    expect(may(two, [promised(0, 10), promised(1, 9)])).toBe(true)
    // Half of two have acknowledged frame 11.
    expect(may(two, [promised(0, 11), promised(1, 9)])).toBe(false)
    const three = [...two, term(2)]
    expect(may(three, [promised(0, 11), promised(1, 9), promised(2, 9)])).toBe(true)
    // The one that has not come may have acknowledged it, too.
    expect(may(three, [promised(0, 11), promised(1, 9)])).toBe(false)
    // Of an earlier fence nothing has become stable behind this log; of a later one anything may have.
    expect(may(two, [promised(0, 11, { term: 1 }), promised(1, 9)])).toBe(true)
    expect(may(two, [promised(0, 3, { term: 3 }), promised(1, 9)])).toBe(false)
  })
})

describe('What a replica knows', () => {
  const legacy: Legacy = {
    options: defaultMeeting,
    kind: 'k',
    metadata: {},
    seqs: [[0, 4]],
    terms: [{ slot: 0, from: 1, until: null }],
  }
  const heritage = (parts: Partial<Legacy> = {}, head = 3): Heritage =>
    Heritage.of(JSON.stringify({ ...legacy, ...parts }), head) as Heritage
  const append = (h: Heritage, frame: number, ...events: MeetingEvent[]): void =>
    h.append(frame, { events, inputs: [{ slot: 1, seq: frame }] }, 0)

  it('follows the frames: who came, went, and was followed by another run of their client', () => {
    const h = heritage()
    append(h, 3, { type: 'join', slot: 5, user: 'eve' })
    append(h, 4, { type: 'join', slot: 1, user: 'bob' })
    append(h, 5, { type: 'takeover', slot: 0 })
    append(h, 6, { type: 'leave', slot: 1, reason: 'left' })
    expect(h.terms(6)).toEqual([term(0, 1, 5), term(1, 4, 6, true), term(0, 5)])
    // As of an earlier frame, what came later has not happened.
    expect(h.terms(4)).toEqual([term(0), term(1, 4, Infinity, true)])
    expect([...h.seqs]).toEqual([
      [0, 4],
      [1, 6],
    ])
  })

  it('goes by the inputs that are here, once no more of those comes of which the owner has told', () => {
    const h = heritage({ seqs: [0, 2].map((slot) => [slot, 9] as const) }, 6)
    append(h, 4)
    const frames = [{ inputs: [{ slot: 0, seq: 5 }] }, { inputs: [{ slot: 0, seq: 6 }] }]
    h.settle(3, 4, frames)
    expect([...h.seqs]).toEqual([
      [0, 6],
      [2, 9],
    ])
    append(h, 5, { type: 'join', slot: 1, user: 'bob' })
    expect([h.seqs.get(1), h.terms(5)]).toEqual([5, [term(0), term(1, 5)]])
    // All is here.
    h.settle(1, 5, [])
    expect(h.seqs.get(0)).toBe(6)
  })

  it('knows of no other input where the frames that are here begin with the first one', () => {
    const h = heritage({}, 6)
    h.settle(1, 2, [{ inputs: [{ slot: 1, seq: 3 }] }])
    expect([...h.seqs]).toEqual([[1, 3]])
  })

  it('knows nobody who came and went in one frame, and knows who came after them', () => {
    const h = heritage()
    const [join, leave] = [
      { type: 'join', slot: 1, user: 'bob' },
      { type: 'leave', slot: 1, reason: 'left' },
    ] as const
    append(h, 4, join, leave)
    expect(h.terms(4)).toEqual([term(0)])
    append(h, 5, join, leave, { ...join, user: 'cid' })
    expect(h.terms(5)).toEqual([term(0), term(1, 5)])
    append(h, 6, leave, { ...join, user: 'dan' }, { type: 'takeover', slot: 1 }, leave)
    expect(h.terms(6)).toEqual([term(0), term(1, 5, 6, true)])
  })

  /** Of a slot in a frame. */
  const move = fc.record({
    slot: fc.nat(2),
    sealed: fc.boolean(),
    told: fc.boolean(),
    takeover: fc.boolean(),
  })

  it('knows those whom the owner knows, whatever happens in a frame, and whenever the owner has told', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        let frame = 1
        let events: MeetingEvent[] = []
        const electors = new Map<number, Elector>()
        const owner = new Electorate()
        const replicas: Heritage[] = []
        for (const { slot, sealed, told, takeover } of moves) {
          const elector = electors.get(slot)
          if (elector !== undefined) owner.leave(elector, frame, !takeover)
          if (elector !== undefined && !takeover) {
            electors.delete(slot)
            events.push({ type: 'leave', slot, reason: 'left' })
          } else {
            const next = new Elector()
            electors.set(slot, next)
            owner.join(next, frame)
            events.push(
              elector === undefined ? { type: 'join', slot, user: 'u' } : { type: 'takeover', slot },
            )
          }
          const slotOf = (of: Elector): number | undefined =>
            [...electors].find(([, each]) => each === of)?.[0]
          if (told) {
            const text = writeLegacy({ ...legacy, seqs: [] }, owner.stateFor(slotOf))
            replicas.push(Heritage.of(text, frame - 1) as Heritage)
          }
          if (!sealed) continue
          for (const h of replicas) {
            h.append(frame, { events, inputs: [] }, 0)
            const open = h.terms(frame).filter(({ until }) => until === Infinity)
            const here = [...electors].map(([at, { elected }]) => `${at} ${elected}`)
            expect(open.map(({ slot: at, from }) => `${at} ${from}`).sort()).toEqual(here.sort())
          }
          events = []
          frame++
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('leaves out bots, but not a member who has a slot after one', () => {
    const h = heritage()
    append(h, 4, { type: 'join', slot: 1, user: 'bot' })
    h.learn([{ slot: 1, from: 4 }])
    expect(h.terms(4)).toEqual([term(0)])
    append(h, 5, { type: 'leave', slot: 1, reason: 'left' })
    append(h, 6, { type: 'join', slot: 1, user: 'bob' })
    expect(h.terms(6)).toEqual([term(0), term(1, 6)])
    h.learn([])
    expect(h.terms(6)).toEqual([term(0), term(1, 6)])
  })

  it('leaves out a bot that it is told of before the frame in which it comes, and not the member before it', () => {
    const h = heritage()
    append(h, 4, { type: 'join', slot: 1, user: 'bob' })
    h.learn([{ slot: 1, from: 5 }])
    append(h, 5, { type: 'leave', slot: 1, reason: 'expired' }, { type: 'join', slot: 1, user: 'bot' })
    expect(h.terms(5)).toEqual([term(0), term(1, 4, 5)])
  })

  it('takes nobody for a bot of whom the owner tells nothing any more: who left behind the frame that is asked about', () => {
    const h = heritage()
    append(h, 4, { type: 'join', slot: 1, user: 'bot' })
    h.learn([{ slot: 1, from: 4 }])
    expect([0, 1, 2].map((slot) => h.botsAt(4).has(slot))).toEqual([false, true, false])
    expect(h.botsAt(3).has(1)).toBe(false)
    append(h, 5, { type: 'leave', slot: 1, reason: 'left' })
    append(h, 6, { type: 'join', slot: 1, user: 'bob' })
    expect(h.botsAt(6).has(1)).toBe(false)
    // The owner has told at frame 10, and the frames here end before.
    const late = heritage({ terms: [] }, 10)
    expect([late.terms(9), late.botsAt(9).has(0)]).toEqual([[], false])
  })

  it('keeps no more electorates than an owner counts, though nobody acknowledges anything', () => {
    const h = heritage()
    append(h, 4, { type: 'join', slot: 1, user: 'bob' })
    let frame = 5
    for (let n = 0; n < 1_000; n++) {
      append(h, frame++, { type: 'join', slot: 2, user: 'eve' })
      append(h, frame++, { type: 'leave', slot: 2, reason: 'left' })
    }
    const head = frame - 1
    expect(h.terms(head).length).toBeLessThan(fixedLimits.electorates)
    expect(h.electorate(0, head).changes).toHaveLength(fixedLimits.electorates)
    // Whoever has a say in all electorates that count is still enough.
    const promises = [promised(0), promised(1, 0, { elected: 4 })]
    expect(h.mayContinue(0, head, FENCE, promises)).toBe(true)
    expect(h.mayContinue(0, head, FENCE, promises.slice(1))).toBe(false)
    // An electorate in the place of a later one counts no more, but those behind it do.
    expect(h.mayContinue(head - 4, head, FENCE, promises)).toBe(true)
  })

  it('keeps as many as a node is set to', () => {
    const h = Heritage.of(JSON.stringify(legacy), 3, 2) as Heritage
    for (let n = 0; n < 5; n++) append(h, 4 + n, { type: 'join', slot: 1 + n, user: 'bob' })
    expect(h.electorate(0, 8).changes).toEqual([7, 8])
    expect(h.terms(8)).toHaveLength(6)
  })

  it.each([
    { options: { ...defaultMeeting, frameRate: 61 } },
    { options: { ...defaultMeeting, capacity: -1 } },
    { options: { ...defaultMeeting, capacity: 256 } },
    { options: { ...defaultMeeting, inputsPerFrame: 0 } },
    { options: { ...defaultMeeting, joinsPerMinute: 0 } },
    { options: { ...defaultMeeting, capacity: 'many' } },
    { options: { ...defaultMeeting, config: 3 } },
    { kind: 5 },
    { metadata: 'x' },
    { metadata: undefined },
    { metadata: null },
    { metadata: { of: 'x'.repeat(1_048_576) } },
    { terms: [{ slot: 256, from: 1, until: null }] },
    { terms: [{ slot: 0, from: -1, until: null }] },
    { terms: [{ slot: 0, from: 1, until: 'never' }] },
    { terms: Array.from({ length: 65 * 255 + 1 }, () => ({ slot: 0, from: 1, until: 2 })) },
    { terms: 5 },
    { seqs: [[255, 1]] },
    { seqs: [[1e9, 1]] },
    { seqs: [[0, 1.5]] },
    { seqs: [[0, 2 ** 52 + 1]] },
    { seqs: [[0]] },
    { seqs: {} },
  ])('is nothing where a node that is broken has told it: %j', (parts) => {
    expect(Heritage.of(JSON.stringify({ ...legacy, ...parts }), 3)).toBeNull()
  })

  it('has what is usual where an option is not told, and terms of those who are no members any more', () => {
    const terms = [{ slot: 255, from: 1, until: 2 }]
    const h = Heritage.of(JSON.stringify({ ...legacy, options: { frameRate: 60 }, terms }), 3)
    expect(h?.options).toEqual({ ...defaultMeeting, frameRate: 60 })
    expect(h?.terms(3)).toEqual([term(255, 1, 2)])
  })

  it('is nothing where it cannot be read', () => {
    expect([Heritage.of('', 0), Heritage.of('{}', 0), Heritage.of('nonsense', 0)]).toEqual([null, null, null])
  })
})
