import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  digest,
  HEARTS,
  hostOf,
  MAX_FIGHTERS,
  newState,
  type Player,
  type State,
  step,
  times,
  wishOf,
} from '../../../src/demo/battle/index.ts'
import { Match } from './battle-match.ts'

function pair(): Match {
  return new Match().join(0, 'ada~1').join(1, 'ben~2').frame()
}

function fighting(long = false): Match {
  return pair()
    .say(0, { do: 'set', seats: 2, long })
    .say(0, { do: 'start', seed: 7 })
    .until(({ phase }) => phase === 'battle')
}

/** A match in which the beast has just announced an attack on this slot. */
function announced(slot: number): Match {
  return fighting(true).until(
    ({ beast, players }) =>
      beast.mood === 'windup' &&
      beast.left === beast.length &&
      beast.targets.includes(players[slot]?.id ?? -1) &&
      players[slot]?.hearts === HEARTS,
  )
}

function player(match: Match, slot: number): Player {
  const found = match.state.players.find((each) => each.slot === slot)
  if (found === undefined) throw new Error(`nobody has the slot ${slot}`)
  return found
}

describe('the same frames', () => {
  test('make the same state, frame by frame', () => {
    const match = new Match().join(0, 'ada~1').bots(1, 4).frame().play(11)
    const once = match.replay()
    expect(once.at(-1)).toBe(digest(match.state))
    expect(match.replay()).toEqual(once)
  })

  test('make the same state where the state went through JSON in between', () => {
    const match = new Match().join(0, 'ada~1').bots(1, 3).frame().play(5)
    const half = Math.floor(match.frames.length / 2)
    const first = newState()
    for (const frame of match.frames.slice(0, half)) step(first, frame)
    const second = JSON.parse(JSON.stringify(first)) as State
    for (const frame of match.frames.slice(half)) step(second, frame)
    expect(digest(second)).toBe(digest(match.state))
  })

  test('with another seed make another battle', () => {
    const ends = [1, 2, 3].map((seed) =>
      digest(new Match().join(0, 'ada~1').bots(1, 3).frame().play(seed).state),
    )
    expect(new Set(ends).size).toBe(3)
  })
})

describe('a battle', () => {
  test.each([2, 4, 10])('is won by %i who play like bots, in time', (count) => {
    for (const long of [false, true]) {
      for (let seed = 1; seed <= 10; seed++) {
        const match = new Match()
          .join(0, 'ada~1')
          .bots(1, count - 1)
          .frame()
        match.say(0, { do: 'set', seats: count, long }).frame().play(seed)
        expect(match.state.won).toBe(true)
        expect(match.frames.length).toBeGreaterThan(8 * 20)
      }
    }
  })

  test('is lost by those who do nothing', () => {
    const match = fighting().until(({ phase }) => phase === 'over')
    expect(match.state.won).toBe(false)
    expect(match.state.results.map(({ damage }) => damage)).toEqual([0, 0])
    expect(match.state.results.flatMap(({ medals }) => medals)).toEqual([])
  })

  test('what the beast has lost is what the fighters are credited with', () => {
    const { state } = new Match().join(0, 'ada~1').bots(1, 5).frame().play(3)
    const total = state.results.reduce((sum, { damage }) => sum + damage, 0)
    expect(state.beast.blood).toBe(0)
    expect(total).toBe(state.beast.fullBlood)
    expect(state.results.filter(({ medals }) => medals.includes('lastBlow'))).toHaveLength(1)
    expect(state.results[0]?.rank).toBe(1)
    expect(state.results[0]?.medals).toContain('thunder')
  })

  test('takes ten fighters, and the eleventh looks on until the next round', () => {
    const match = new Match()
    for (let slot = 0; slot < 11; slot++) match.join(slot, `p${slot}~1`)
    match
      .frame()
      .say(0, { do: 'start', seed: 1 })
      .until(({ phase }) => phase === 'battle')
    expect(match.state.players.filter((each) => each.fighting)).toHaveLength(MAX_FIGHTERS)
    match.say(10, { do: 'throw' }).frame()
    expect(match.state.shots).toEqual([])
    match.leave(3).until(({ phase }) => phase === 'over')
    match.say(0, { do: 'start', seed: 1 }).until(({ phase }) => phase === 'battle')
    expect(player(match, 10).fighting).toBe(true)
  })

  test('that everybody has left ends', () => {
    const match = fighting()
      .leave(0)
      .leave(1)
      .frame(times.deserted + 1)
    expect(match.state.phase).toBe('over')
    expect(match.state.players).toEqual([])
  })
})

describe('a fighter', () => {
  test('throws no faster than the rules allow, and hits after the flight', () => {
    const match = fighting()
    for (let i = 0; i < 10; i++) match.say(0, { do: 'throw' }).frame()
    expect(match.state.players[0]?.hits).toBe(1)
    expect(match.state.shots).toHaveLength(1)
    match.frame(times.flight)
    expect(match.state.players[0]?.hits).toBe(2)
  })

  test('gets more out of a rocket the longer it was charged, and a firecracker out of one that was not', () => {
    const damages = [0, times.chargeLeast, times.chargeFull, 3 * times.chargeFull].map((frames) => {
      const match = fighting()
        .say(0, { do: 'charge' })
        .frame(1 + frames)
      match.say(0, { do: 'loose' }).frame()
      const [shot] = match.state.shots
      return [shot?.rocket, shot?.power]
    })
    expect(damages).toEqual([
      [false, 10],
      [true, 26 + 3 * (times.chargeLeast + 1)],
      [true, 26 + 3 * times.chargeFull],
      [true, 26 + 3 * times.chargeFull],
    ])
  })

  test('who guards loses no heart, and perfectly where the guard was raised just before the blow', () => {
    const early = announced(0)
    early.frame(early.state.beast.left - times.perfect - 4).say(0, { do: 'guard', on: true })
    const late = announced(0)
    late.frame(late.state.beast.left - 4).say(0, { do: 'guard', on: true })
    const none = announced(0)
    for (const match of [early, late, none]) match.until(({ beast }) => beast.mood !== 'windup')
    expect([early, late, none].map((match) => player(match, 0).hearts)).toEqual([HEARTS, HEARTS, HEARTS - 1])
    expect([early, late].map((match) => player(match, 0).guards)).toEqual([1, 1])
    expect([early, late].map((match) => player(match, 0).perfect)).toEqual([0, 1])
  })

  test('cannot throw behind a guard, nor guard again at once', () => {
    const match = fighting().say(0, { do: 'guard', on: true }).frame()
    match.say(0, { do: 'throw' }).frame()
    expect(match.state.shots).toEqual([])
    match.say(0, { do: 'guard', on: false }).say(0, { do: 'guard', on: true }).frame()
    expect(player(match, 0).guard).toBe(0)
    match.say(0, { do: 'throw' }).frame()
    expect(match.state.shots).toHaveLength(1)
  })

  test('who is out of hearts lies down, does nothing, and gets up again', () => {
    const match = pair().say(0, { do: 'set', seats: 2, long: true }).frame()
    match.play(4, (slot) => slot === 1)
    const state = newState()
    const downs: number[] = []
    let shots = 0
    for (const frame of match.frames) {
      const inputs = [...frame.inputs, ...(downs.at(-1) === 0 ? [] : [{ slot: 0, data: { do: 'throw' } }])]
      step(state, { ...frame, inputs })
      const ada = state.players[0]
      if (ada?.fighting !== true) continue
      downs.push(ada.down)
      if (ada.down > 0)
        shots += state.happenings.filter((each) => each.type === 'throw' && each.player === ada.id).length
    }
    const fell = downs.findIndex((down) => down > 0)
    expect(fell).toBeGreaterThan(0)
    expect(downs.slice(fell, fell + times.down)).toEqual(
      Array.from({ length: times.down }, (_, i) => times.down - i),
    )
    expect(downs[fell + times.down]).toBe(0)
    expect(shots).toBe(0)
  })

  test('who hits together with another does more than both alone', () => {
    const alone = fighting()
      .say(0, { do: 'throw' })
      .frame(2 * times.flight)
    const both = fighting()
      .say(0, { do: 'throw' })
      .say(1, { do: 'throw' })
      .frame(2 * times.flight)
    const [ada, ben] = both.state.players
    expect(alone.state.players[0]?.together).toBe(0)
    expect([ada?.together, ben?.together]).toEqual([1, 1])
    expect((ada?.damage ?? 0) + (ben?.damage ?? 0)).toBeGreaterThan(2 * 10)
  })

  test('who leaves in the middle comes back to the same hearts and damage, in another slot', () => {
    const match = fighting(true).say(0, { do: 'throw' }).frame(20)
    const { id, damage } = player(match, 0)
    match.leave(0).frame(5)
    expect(match.state.players.find((each) => each.id === id)?.slot).toBe(-1)
    match.join(4, 'ada~1').frame()
    expect(player(match, 4)).toMatchObject({ id, damage, fighting: true })
  })

  test('who is there twice is played from the newer place, and the older one leaves nothing behind', () => {
    const match = fighting(true).join(5, 'ada~1').frame()
    match.leave(0).frame()
    expect(player(match, 5).fighting).toBe(true)
    expect(match.state.players).toHaveLength(2)
  })

  test('that is a bot of a node that has ended is gone on with by the next bot of its name', () => {
    const match = pair()
      .bots(2, 1)
      .say(0, { do: 'start', seed: 7 })
      .until(({ phase }) => phase === 'battle')
    const { id, user } = player(match, 2)
    match.leave(2).frame().join(5, user).frame()
    expect(player(match, 5)).toMatchObject({ id, fighting: true })
    expect(match.state.players).toHaveLength(3)
  })
})

describe('the noise', () => {
  test('stuns the beast, and stops the attack it had announced', () => {
    const match = new Match().join(0, 'ada~1').bots(1, 3).frame()
    match.say(0, { do: 'set', seats: 4, long: true }).frame().play(9)
    const stunned = match.frames.length
    expect(stunned).toBeGreaterThan(0)
    const state = newState()
    let seen = 0
    for (const frame of match.frames) {
      step(state, frame)
      if (!state.happenings.some(({ type }) => type === 'stunned')) continue
      seen++
      expect(state.beast).toMatchObject({ mood: 'stunned', noise: 0, targets: [] })
    }
    expect(seen).toBeGreaterThan(0)
  })
})

describe('the lobby', () => {
  test('starts when all who are there are ready; bots and who is away are not waited for', () => {
    const match = pair().bots(2, 1).frame()
    match.say(0, { do: 'ready', on: true, seed: 3 }).frame()
    expect(match.state.phase).toBe('lobby')
    match.say(1, { do: 'ready', on: true, seed: 4 }).frame()
    expect(match.state.phase).toBe('countdown')
    expect(match.state.random).toBe(4)
  })

  test('is set and started by the host alone', () => {
    const match = pair().say(1, { do: 'start', seed: 1 }).say(1, { do: 'set', seats: 9, long: false }).frame()
    expect(match.state).toMatchObject({ phase: 'lobby', seats: 4, long: true })
    match.say(0, { do: 'set', seats: 9, long: false }).say(0, { do: 'start', seed: 1 }).frame()
    expect(match.state).toMatchObject({ phase: 'countdown', seats: 9, long: false })
  })

  test('has another host when the host has gone', () => {
    const match = pair()
    expect(hostOf(match.state)?.user).toBe('ada~1')
    expect(hostOf(match.leave(0).frame().state)?.user).toBe('ben~2')
  })

  test('comes again after a battle: who wants a rematch is ready', () => {
    const match = fighting().until(({ phase }) => phase === 'over')
    const { results } = match.state
    expect(results).toHaveLength(2)
    match.say(0, { do: 'ready', on: true }).frame()
    expect(match.state.results).toEqual(results)
    match.say(1, { do: 'ready', on: true }).until(({ phase }) => phase === 'battle')
    expect(match.state.round).toBe(2)
    expect(match.state.players.map(({ hearts, damage }) => [hearts, damage])).toEqual([
      [HEARTS, 0],
      [HEARTS, 0],
    ])
  })
})

describe('what is sent', () => {
  test.each([
    null,
    7,
    'throw',
    [],
    {},
    { do: 'constructor' },
    { do: 'guard' },
    { do: 'guard', on: 1 },
    { do: 'set', seats: 11, long: true },
    { do: 'set', seats: 2.5, long: true },
    { do: 'set', seats: 1, long: true },
    { do: 'set', seats: 4 },
    new Uint8Array(3),
  ])('means nothing where it is %j', (data) => {
    expect(wishOf(data)).toBeNull()
    const match = fighting()
    const before = match.state.players.map((each) => ({ ...each }))
    match.say(0, data).frame()
    expect(match.state.players).toEqual(before)
    expect(match.state.shots).toEqual([])
  })

  test('loses what is not meant to be there', () => {
    expect(wishOf({ do: 'throw', power: 10_000 })).toEqual({ do: 'throw' })
    expect(wishOf({ do: 'start', seed: 1.5 })).toEqual({ do: 'start' })
    expect(wishOf({ do: 'start', seed: 2 ** 32 })).toEqual({ do: 'start' })
  })

  const slot = fc.nat(11)
  const wish = fc.oneof(
    fc.constantFrom(
      { do: 'throw' },
      { do: 'charge' },
      { do: 'loose' },
      { do: 'guard', on: true },
      { do: 'guard', on: false },
      { do: 'ready', on: true, seed: 9 },
      { do: 'ready', on: false },
      { do: 'start', seed: 77 },
    ),
    fc.record({ do: fc.constant('set'), seats: fc.integer({ min: 2, max: 10 }), long: fc.boolean() }),
    fc.jsonValue(),
  )
  const event = fc.oneof(
    fc.record({
      type: fc.constant('join'),
      slot,
      user: fc.constantFrom('a~1', 'b~2', 'c~3', 'd~bot', 'e~bot'),
    }),
    fc.record({ type: fc.constantFrom('leave', 'away', 'back'), slot }),
  )
  const frame = fc.record({
    events: fc.oneof(
      { weight: 6, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(event, { maxLength: 3 }) },
    ),
    inputs: fc.array(fc.record({ slot, data: wish }), { maxLength: 6 }),
    idle: fc.constantFrom(0, 0, 1, 10, 65),
  })

  test('never leaves what the rules promise, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 120 }), (frames) => {
        const state = newState()
        let number = 0
        for (const { events, inputs, idle } of frames) {
          step(state, { number: ++number, events, inputs })
          check(state)
          for (let i = 0; i < idle; i++) step(state, { number: ++number, events: [], inputs: [] })
          check(state)
        }
      }),
      { numRuns: 100 },
    )
  })
})

/** What holds after every frame. */
function check(state: State): void {
  const { beast } = state
  expect(JSON.parse(JSON.stringify(state))).toEqual(state)
  expect(beast.blood).toBeGreaterThanOrEqual(0)
  expect(beast.blood).toBeLessThanOrEqual(beast.fullBlood)
  expect(state.left).toBeGreaterThanOrEqual(-1)
  expect(state.players.filter(({ fighting }) => fighting).length).toBeLessThanOrEqual(MAX_FIGHTERS)
  expect(state.shots.length).toBeLessThanOrEqual(3 * MAX_FIGHTERS)
  expect(state.recent.length).toBeLessThanOrEqual(MAX_FIGHTERS)
  expect(new Set(state.players.map(({ id }) => id)).size).toBe(state.players.length)
  for (const player of state.players) {
    for (const value of Object.values(player))
      if (typeof value === 'number') expect(Number.isInteger(value)).toBe(true)
    expect(player.hearts).toBeGreaterThanOrEqual(0)
    expect(player.hearts).toBeLessThanOrEqual(HEARTS)
    expect(player.charge).toBeGreaterThanOrEqual(-1)
    expect(player.charge).toBeLessThanOrEqual(times.chargeFull)
    if (player.fighting && state.phase === 'battle') expect(player.hearts === 0).toBe(player.down > 0)
    if (state.phase !== 'battle') expect(player.slot).toBeGreaterThanOrEqual(0)
  }
  if (state.phase === 'battle') {
    const damage = state.players.reduce((sum, player) => sum + player.damage, 0)
    expect(damage).toBe(beast.fullBlood - beast.blood)
  }
}
