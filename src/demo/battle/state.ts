/*
 * What a battle is made of. Everything is a whole number, a text or a list of them, so that two machines that were
 * given the same frames hold the same state to the letter, and JSON can carry it.
 */

/** Frames a second. */
export const RATE = 20
/** Fighters at once; who comes on top of that looks on. */
export const MAX_FIGHTERS = 10
/** Seats that bots may fill up to. */
export const MIN_SEATS = 2
export const HEARTS = 3

/** What time means in the rules, in frames: twenty are a second. */
export const times = {
  countdown: 60,
  quick: 1500,
  long: 3600,
  /** From a throw to its bang. */
  flight: 8,
  /** Between two throws of one fighter. */
  cool: 5,
  /** A rocket needs to be charged so long at least, and gains up to so long. */
  chargeLeast: 8,
  chargeFull: 30,
  /** A guard holds so long, and so long there is none after it. */
  guard: 24,
  guardRest: 12,
  /** A guard raised this shortly before the blow is perfect. */
  perfect: 9,
  /** Who has lost all hearts lies down so long, then gets up, and cannot be hurt for a while. */
  down: 120,
  spared: 40,
  /** Bangs of several fighters within so many frames count as one. */
  together: 4,
  /** A chain of bangs ends after so many frames without one. */
  chain: 25,
  roar: 28,
  claw: 20,
  strike: 10,
  stagger: 30,
  stunned: 60,
  /** A battle that nobody is in any more ends. */
  deserted: 200,
} as const

export const power = { cracker: 10, rocket: 26, rocketPerFrame: 3 } as const
/** The beast's blood for each fighter, and what each further fighter adds to that in percent: many hit together. */
export const blood = { quick: 700, long: 3_200, more: 8 } as const
/** How much noise the beast can bear, for each fighter. */
export const NOISE = 34

export type Phase = 'lobby' | 'countdown' | 'battle' | 'over'

/**
 * `prowl` between attacks; `windup` announces one, `strike` is its blow; `stagger` and `stunned` are the fighters'
 * chance.
 */
export type Mood = 'prowl' | 'windup' | 'strike' | 'stagger' | 'stunned' | 'fled'

/** A roar is for everybody, a claw for its targets. */
export type Attack = 'roar' | 'claw'

export interface Beast {
  blood: number
  fullBlood: number
  mood: Mood
  /** Frames the mood still lasts, and how long it is in all. */
  left: number
  length: number
  attack: Attack
  /** Ids of the fighters that the attack is for. */
  targets: number[]
  /** Noise frightens it: at `fullNoise` it is stunned. */
  noise: number
  fullNoise: number
  /** Below a third of its blood it is faster. */
  raging: boolean
}

export interface Player {
  /** Names the player in this room for good; slots change hands. */
  id: number
  user: string
  /** −1: left in the middle of a battle, and may come back to it. */
  slot: number
  away: boolean
  bot: boolean
  ready: boolean
  /** Takes part in this round. */
  fighting: boolean
  hearts: number
  /** Frames until getting up, and until the beast may hurt again. */
  down: number
  spared: number
  /** Frames until the next throw. */
  cool: number
  /** Frames a rocket was charged; −1: none is. */
  charge: number
  /** Frames the guard still holds, and until there can be a next one. */
  guard: number
  guardRest: number
  damage: number
  hits: number
  /** Bangs that came together with another fighter's. */
  together: number
  guards: number
  perfect: number
  falls: number
  hurt: number
  /** Gave the last blow. */
  last: boolean
}

/** Something in the air. */
export interface Shot {
  id: number
  player: number
  rocket: boolean
  power: number
  from: number
  lands: number
}

/** What happened in the latest frame, for eyes and ears. `player` is an id. */
export type Happening =
  | { type: 'count'; left: number }
  | { type: 'begin' }
  | { type: 'throw'; player: number; rocket: boolean }
  | { type: 'hit'; player: number; rocket: boolean; damage: number; together: number; lucky: boolean }
  | { type: 'windup'; attack: Attack }
  | { type: 'strike'; attack: Attack }
  | { type: 'hurt'; player: number }
  | { type: 'guarded'; player: number; perfect: boolean }
  | { type: 'down'; player: number }
  | { type: 'up'; player: number }
  | { type: 'stunned' }
  | { type: 'rage' }
  | { type: 'over'; won: boolean }

export type Medal = 'thunder' | 'shield' | 'chorus' | 'lastBlow' | 'unhurt'

/** How a round ended for one fighter. */
export interface Result {
  id: number
  user: string
  bot: boolean
  /** From 1; equal damage is an equal rank. */
  rank: number
  damage: number
  hits: number
  together: number
  perfect: number
  falls: number
  medals: Medal[]
}

export interface State {
  /** The last frame that is in here; 0 before the first. */
  frame: number
  phase: Phase
  /** Rounds that have begun. */
  round: number
  /** Frames the phase still lasts: of the countdown and of the battle. */
  left: number
  /** What the host has set: bots fill up to so many fighters, and how long it takes. */
  seats: number
  long: boolean
  /** Stamped by the server; the next round's randomness. */
  seed: number
  random: number
  nextId: number
  /** In the order in which they came. */
  players: Player[]
  beast: Beast
  shots: Shot[]
  /** Who hit in the latest frames. */
  recent: { player: number; frame: number }[]
  /** Bangs in a row, when the last one was, and the longest row. */
  chain: number
  chainAt: number
  bestChain: number
  /** Frames without any fighter in the room. */
  deserted: number
  won: boolean
  results: Result[]
  happenings: Happening[]
}

export function newState(): State {
  return {
    frame: 0,
    phase: 'lobby',
    round: 0,
    left: 0,
    seats: 4,
    long: true,
    seed: 1,
    random: 1,
    nextId: 1,
    players: [],
    beast: newBeast(1, 1),
    shots: [],
    recent: [],
    chain: 0,
    chainAt: 0,
    bestChain: 0,
    deserted: 0,
    won: false,
    results: [],
    happenings: [],
  }
}

export function newBeast(fullBlood: number, fullNoise: number): Beast {
  return {
    blood: fullBlood,
    fullBlood,
    mood: 'prowl',
    left: 2 * RATE,
    length: 2 * RATE,
    attack: 'roar',
    targets: [],
    noise: 0,
    fullNoise,
    raging: false,
  }
}

export function newPlayer(id: number, slot: number, user: string): Player {
  return {
    id,
    user,
    slot,
    away: false,
    bot: isBot(user),
    ready: false,
    fighting: false,
    hearts: 0,
    down: 0,
    spared: 0,
    cool: 0,
    charge: -1,
    guard: 0,
    guardRest: 0,
    damage: 0,
    hits: 0,
    together: 0,
    guards: 0,
    perfect: 0,
    falls: 0,
    hurt: 0,
    last: false,
  }
}

const BOT = '~bot'

/** A guest is `name~12 letters`, so none can be named like a bot. */
export const isBot = (user: string): boolean => user.endsWith(BOT)
export const botUser = (name: string): string => `${name}${BOT}`

/** On their feet in this round. */
export const isUp = (player: Player): boolean => player.fighting && player.slot >= 0 && player.down === 0

/** The player who may set things: the first who is there and no bot. */
export function hostOf(state: State): Player | undefined {
  return state.players.find((player) => !player.bot && player.slot >= 0 && !player.away)
}

/** A whole number from 0 to `below` − 1 by Marsaglia's xorshift of 32 bits, the same on every machine. */
export function pick(state: State, below: number): number {
  let x = state.random
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  state.random = x >>> 0
  return state.random % below
}

/** FNV-1a, 32 bits, over all of the state: no field can be left out of the comparison. */
export function digest(state: State): string {
  const text = JSON.stringify(state)
  let sum = 0x811c9dc5
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193)
  return (sum >>> 0).toString(16).padStart(8, '0')
}
