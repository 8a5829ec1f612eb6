import { moveBeast } from './beast.ts'
import { act, land, recover } from './fighting.ts'
import { resultsOf } from './results.ts'
import {
  blood,
  hostOf,
  MAX_FIGHTERS,
  newBeast,
  newPlayer,
  NOISE,
  type Player,
  type State,
  isUp,
  HEARTS,
  times,
} from './state.ts'
import { type Wish, wishOf } from './wishes.ts'

/*
 * The rules of the battle: `state` and a frame make the next state, and nothing else does. The server follows them to
 * know how a round ends; every page follows them to know what to draw.
 */

/** What the rules read of a frame; a client's and a server's both have it. */
export interface FrameLike {
  readonly number: number
  readonly events: readonly { readonly type: string; readonly slot?: number; readonly user?: string }[]
  readonly inputs: readonly { readonly slot: number; readonly data: unknown }[]
}

/** Applies the next frame to the state, in place. */
export function step(state: State, frame: FrameLike): void {
  state.frame = frame.number
  state.happenings = []
  for (const { type, slot = -1, user = '' } of frame.events) {
    if (type === 'join') join(state, slot, user)
    else if (type === 'leave') leave(state, slot)
    else if (type === 'away' || type === 'back') {
      const player = bySlot(state, slot)
      if (player !== undefined) player.away = type === 'away'
    }
  }
  for (const { slot, data } of frame.inputs) {
    const player = bySlot(state, slot)
    const wish = wishOf(data)
    if (player === undefined || wish === null) continue
    if (wish.do === 'ready' || wish.do === 'start' || wish.do === 'set') prepare(state, player, wish)
    else if (state.phase === 'battle') act(state, player, wish)
  }
  advance(state)
}

function bySlot(state: State, slot: number): Player | undefined {
  return slot < 0 ? undefined : state.players.find((player) => player.slot === slot)
}

// ---- coming and going

/** A user who comes again takes over where they stood, in whatever slot; so does a bot that had to leave. */
function join(state: State, slot: number, user: string): void {
  const known = state.players.find((player) => player.user === user && (!player.bot || player.slot < 0))
  if (known === undefined) {
    state.players.push(newPlayer(state.nextId++, slot, user))
    return
  }
  known.slot = slot
  known.away = false
}

function leave(state: State, slot: number): void {
  const player = bySlot(state, slot)
  if (player === undefined) return
  player.slot = -1
  player.charge = -1
  player.guard = 0
  // In a battle the place is kept; nobody lies about in a lobby.
  const kept = player.fighting && state.phase === 'battle'
  if (!kept) state.players = state.players.filter((other) => other !== player)
}

// ---- before and after a battle

function prepare(state: State, player: Player, wish: Extract<Wish, { do: 'ready' | 'start' | 'set' }>): void {
  if (state.phase !== 'lobby' && state.phase !== 'over') return
  if (wish.do === 'ready') {
    player.ready = wish.on
    state.seed = wish.seed ?? state.seed
  } else if (player === hostOf(state)) {
    if (wish.do === 'start') {
      state.seed = wish.seed ?? state.seed
      countDown(state)
    } else {
      state.seats = wish.seats
      state.long = wish.long
    }
  }
}

const isThere = (player: Player): boolean => !player.bot && player.slot >= 0 && !player.away

function countDown(state: State): void {
  state.phase = 'countdown'
  state.left = times.countdown
  state.round++
  state.results = []
  state.random = state.seed
  state.beast = newBeast(1, 1)
}

function begin(state: State): void {
  state.players.forEach((player, place) => {
    const { id, slot, user, away } = player
    Object.assign(player, newPlayer(id, slot, user), {
      away,
      fighting: place < MAX_FIGHTERS,
      hearts: HEARTS,
    })
  })
  const fighters = Math.min(state.players.length, MAX_FIGHTERS)
  const kind = state.long ? 'long' : 'quick'
  state.phase = 'battle'
  state.left = times[kind]
  const share = Math.floor((blood[kind] * (100 + blood.more * (fighters - 1))) / 100)
  state.beast = newBeast(share * fighters, NOISE * fighters)
  state.shots = []
  state.recent = []
  state.chain = 0
  state.bestChain = 0
  state.deserted = 0
  state.happenings.push({ type: 'begin' })
}

function end(state: State, won: boolean): void {
  state.phase = 'over'
  state.left = 0
  state.won = won
  state.results = resultsOf(state)
  state.shots = []
  state.beast.mood = won ? 'fled' : 'prowl'
  state.beast.targets = []
  state.players = state.players.filter((player) => player.slot >= 0)
  for (const player of state.players) {
    player.ready = false
    player.charge = -1
    player.guard = 0
  }
  state.happenings.push({ type: 'over', won })
}

// ---- time

function advance(state: State): void {
  if (state.phase === 'countdown') {
    if (state.players.length === 0) state.phase = 'lobby'
    else if (state.left % 20 === 0 && state.left > 0)
      state.happenings.push({ type: 'count', left: state.left / 20 })
    if (state.left-- === 0) begin(state)
  } else if (state.phase === 'battle') fight(state)
  else {
    const there = state.players.filter(isThere)
    if (there.length > 0 && there.every((player) => player.ready)) countDown(state)
  }
}

function fight(state: State): void {
  state.left--
  for (const player of state.players) recover(state, player)
  land(state)
  if (state.beast.blood > 0) moveBeast(state)
  const fighters = state.players.filter((player) => player.fighting)
  state.deserted = fighters.some((player) => player.slot >= 0 && !player.bot) ? 0 : state.deserted + 1
  const beaten = !fighters.some(isUp) && state.deserted === 0
  if (state.beast.blood <= 0) end(state, true)
  else if (beaten || state.left <= 0 || state.deserted >= times.deserted) end(state, false)
}
