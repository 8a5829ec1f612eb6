import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Frame } from '../../../src/client/index.ts'
import { lockstep, type Snapshot } from '../../../src/lockstep/index.ts'
import { FakeMeeting, frameOf, type Move, rules, settle, type State, stateAfter } from './fake-meeting.ts'

const moves = fc.array(
  fc.oneof(fc.record({ add: fc.nat(99) }), fc.record({ list: fc.array(fc.nat(9), { maxLength: 2 }) })),
  { maxLength: 2 },
)

describe('A state in lockstep', () => {
  it('is the same after catching up in pieces of any size as after each frame as it came', () => {
    fc.assert(
      fc.property(
        fc.array(moves, { minLength: 1, maxLength: 80 }),
        fc.array(fc.integer({ min: 1, max: 30 })),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(0, 70),
        (moves, pieces, mostSteps, delayMs) => {
          const frames = moves.map((data, at) => frameOf(at + 1, ...data))
          const live = new FakeMeeting()
          const late = new FakeMeeting()
          late.headAtJoin = frames.length
          const one = lockstep(live, rules)
          const other = lockstep(late, { ...rules, mostSteps, delayMs })
          let now = 0
          for (const frame of frames) {
            live.frame(frame)
            one.advance((now += 50))
          }
          for (let at = 0; at < frames.length;) {
            const count = pieces[at % (pieces.length || 1)] ?? frames.length
            for (const frame of frames.slice(at, (at += count))) late.frame(frame)
            const before = other.frame
            other.advance((now += 16))
            expect(other.frame - before).toBeLessThanOrEqual(mostSteps)
            expect(other.behind).toBe(frames.length - other.frame)
          }
          for (let turn = 0; other.behind > 0; turn++) {
            expect(turn).toBeLessThan(200)
            other.advance((now += 16))
          }
          expect(other.phase).toBe('live')
          expect([other.frame, other.state]).toEqual([one.frame, one.state])
          expect(one.state).toEqual(stateAfter(frames))
        },
      ),
    )
  })

  /**
   * What befalls a page: frames come, some are lost for good, the last ones are undone and others follow in their
   * place, another history begins. `load` answers as a server does that has them all.
   */
  const misfortune = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('frames' as const),
        moves: fc.array(moves, { minLength: 1, maxLength: 70 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('sealed' as const), moves }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.nat(3_000) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('stable' as const), back: fc.nat(60) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('rewound' as const), back: fc.nat(100) }) },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('gap' as const), length: fc.integer({ min: 1, max: 9 }) }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('epoch' as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('snapshot' as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('restore' as const) }) },
  )

  for (const hasLoad of [true, false])
    it(`is that of the server after frames that were undone, ${hasLoad ? 'missing frames' : 'without a server to ask'} and new epochs`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(misfortune, { maxLength: 40 }), async (steps) => {
          const meeting = new FakeMeeting()
          let frames: Frame<Move>[] = []
          /** How many of them have come. */
          let come = 0
          const deliver = (): void => {
            for (const frame of frames.slice(come)) meeting.frame(frame)
            come = frames.length
          }
          let now = 0
          let taken: Snapshot<State> | null = null
          const lost: unknown[] = []
          const game = lockstep(meeting, {
            ...rules,
            mostSteps: 40,
            onLost: (error) => lost.push(error),
            ...(hasLoad
              ? {
                  load: async () => ({
                    frame: frames.length,
                    state: stateAfter(frames, meeting.epoch),
                    epoch: meeting.epoch,
                  }),
                }
              : {}),
          })
          for (const step of steps) {
            if (step.type === 'frames') {
              for (const data of step.moves) frames.push(frameOf(frames.length + 1, ...data))
              deliver()
            } else if (step.type === 'sealed') frames.push(frameOf(frames.length + 1, ...step.moves))
            else if (step.type === 'advance') game.advance((now += step.ms))
            else if (step.type === 'stable') meeting.stable = Math.max(meeting.stable, come - step.back)
            else if (step.type === 'rewound') {
              const next = Math.max(meeting.stable, frames.length - step.back) + 1
              frames = frames.slice(0, next - 1)
              meeting.headAtJoin = frames.length
              taken = null
              // Whoever has none of what is undone is not told of it.
              if (come < next) meeting.rejoin({ next: come + 1 })
              else meeting.rejoin({ recovered: false, reason: 'REWOUND', next })
              come = Math.min(come, next - 1)
            } else if (step.type === 'gap' && hasLoad) {
              const from = come + 1
              for (let at = 0; at < step.length; at++) frames.push(frameOf(frames.length + 1, { add: at }))
              come = frames.length
              meeting.gap(from, frames.length + 1)
            } else if (step.type === 'epoch') {
              meeting.epoch++
              meeting.headAtJoin = meeting.stable = 0
              frames = []
              come = 0
              taken = null
              meeting.rejoin({ recovered: false, reason: 'NEW_EPOCH', next: 1 })
            } else if (step.type === 'snapshot') taken = game.phase === 'live' ? game.snapshot() : null
            // Without a server, nothing leads back behind a state that was had elsewhere.
            else if (step.type === 'restore' && taken !== null && (hasLoad || taken.frame <= meeting.stable))
              game.restore(taken)
            await settle()
          }
          deliver()
          for (let turn = 0; turn < 400 && (game.frame < frames.length || game.phase !== 'live'); turn++) {
            game.advance((now += 100))
            await settle()
          }
          expect(lost).toEqual([])
          expect([game.frame, game.state]).toEqual([frames.length, stateAfter(frames, meeting.epoch)])
          expect(game.phase).toBe('live')
        }),
        { numRuns: 200 },
      )
    })
})
