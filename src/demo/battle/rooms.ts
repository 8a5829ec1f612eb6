import { randomInt } from 'node:crypto'
import * as v from 'valibot'
import { isCheck } from '../../lockstep/index.ts'
import { RtmsError } from '../../protocol/index.ts'
import type { Bot, Meeting, MeetingFrame, Rtms } from '../../server/index.ts'
import { parse } from '../guests.ts'
import type { Part } from '../part.ts'
import { botNames, botWish } from './bots.ts'
import { step } from './rules.ts'
import { showOf } from './show.ts'
import { botUser, isUp, newState, type Player, RATE, type State } from './state.ts'
import { wishOf } from './wishes.ts'

/*
 * The battle's business: rooms that bots fill up, a check of what players send, and the results. The battle itself
 * runs nowhere but in the rules, here as in every page.
 */

const PREFIX = 'battle.'
const ROOM = 'room must be a string of 1 to 24 letters, digits, - and _'

const wishSchema = v.object(
  { room: v.pipe(v.string(ROOM), v.regex(/^[\p{L}\p{M}\p{N}_-]{1,24}$/u, ROOM)) },
  ROOM,
)
const askSchema = v.object({ meeting: v.pipe(v.string(), v.startsWith(PREFIX)) })
const STRANGER = 'Only who is in the room may ask for its state.'

/** Whoever looks on fetches all frames first: a room that is older than this is not shown. */
const SHOWN_FRAMES = 10 * 60 * RATE

export interface Battle extends Part {
  /** A battle to look at: one that people fight on this node, or else the show of the bots. */
  stage(): Promise<Meeting>
}

export function battle(rtms: Rtms): Battle {
  const rooms = new Map<string, Room>()
  const show = showOf(rtms)
  rtms.meetings.define('battle', {
    frameRate: RATE,
    // Ten who fight, their bots, and some who wait for the next round.
    capacity: 24,
    ttlMs: 60_000,
    inputBytes: 64,
    inputsPerSecond: 20,
    inputBurst: 30,
    inputsPerFrame: 4,
    joinsPerMinute: 30,
    // A battle outlives its node, even with all its fighters there.
    standby: 1,
    onOpen: (meeting) => void rooms.set(meeting.name, new Room(rtms, meeting, newState(), [])),
    onInput: ({ data }) => {
      // By these the pages see that all have the same state.
      if (isCheck(data)) return data
      const wish = wishOf(data)
      if (wish === null) return false
      // Nobody chooses their luck: the seed of a round is the server's.
      return wish.do === 'ready' || wish.do === 'start' ? { ...wish, seed: randomInt(1, 2 ** 32) } : wish
    },
    onFrame: (frame, { name }) => rooms.get(name)?.follow(frame),
    onCall: ({ data, meeting }) => rooms.get(meeting.name)?.stateFor(data as string),
    onClose: ({ name }) => void rooms.delete(name),
    snapshot: ({ name }) => rooms.get(name)?.state,
    restore: (given, meeting) => {
      // Where its node has ended, the bots have ended with it, and the frames tell the rest.
      const state = given === null ? replayed(meeting) : (given as State)
      if (state === null) meeting.close()
      else rooms.set(meeting.name, new Room(rtms, meeting, state, given === null ? [] : meeting.bots))
    },
  })
  // For a page that came when the first frames were no longer kept: it goes on from here. The room may be on another
  // node than the page's connection.
  rtms.onRequest('battle.state', async ({ user, data }) => {
    const { output, success } = v.safeParse(askSchema, data)
    const meeting = success ? await rtms.meetings.find(output.meeting) : undefined
    if (meeting === undefined) throw new RtmsError('HANDLER_FAILED', STRANGER)
    return meeting.call('state', user)
  })
  return {
    async admit(wish) {
      const { room } = parse(wishSchema, wish)
      const meeting = await rtms.meetings.open(`${PREFIX}${room}`, { kind: 'battle' })
      return { meetings: [meeting], answer: { meeting: meeting.name } }
    },
    async stage() {
      const [fought] = [...rooms.values()]
        .filter(({ isFought }) => isFought)
        .sort((a, b) => b.state.players.length - a.state.players.length)
      return fought?.meeting ?? (await show())
    },
    close() {
      rooms.clear()
    },
  }
}

/** The state after all frames so far; null where the first ones are no longer kept. */
function replayed(meeting: Meeting): State | null {
  const frames = meeting.history()
  if (frames.length > 0 && frames[0]?.number !== 1) return null
  const state = newState()
  for (const frame of frames) step(state, frame)
  return state
}

class Room {
  readonly state: State
  readonly meeting: Meeting
  readonly #rtms: Rtms
  readonly #bots: Map<number, Bot>

  constructor(rtms: Rtms, meeting: Meeting, state: State, bots: readonly Bot[]) {
    this.#rtms = rtms
    this.meeting = meeting
    this.state = state
    this.#bots = new Map(bots.map((bot) => [bot.slot, bot]))
  }

  /** Whether there is something to look at. */
  get isFought(): boolean {
    const { phase, frame, players } = this.state
    return (
      (phase === 'countdown' || phase === 'battle') &&
      frame < SHOWN_FRAMES &&
      players.some(({ bot, slot }) => !bot && slot >= 0)
    )
  }

  /** Throws FORBIDDEN for somebody who is not in the room. */
  stateFor(user: string): State {
    if (this.meeting.members.some((member) => member.user === user)) return this.state
    throw new RtmsError('FORBIDDEN', STRANGER)
  }

  follow(frame: MeetingFrame): void {
    const { state } = this
    step(state, frame)
    if (state.phase === 'battle') this.#play()
    else if (state.phase !== 'countdown') this.#fillSeats()
    if (state.happenings.some(({ type }) => type === 'over')) this.#tellResults()
  }

  /** Between battles there are as many bots as seats are empty. */
  #fillSeats(): void {
    const { state } = this
    const people = state.players.filter((player) => !player.bot).length
    const wanted = people === 0 ? 0 : Math.max(0, state.seats - people)
    while (this.#bots.size < wanted) {
      const taken = new Set(this.meeting.members.map(({ user }) => user))
      const user = botNames.map(botUser).find((name) => !taken.has(name))
      if (user === undefined) return
      this.#addBot(user)
    }
    for (const [slot, bot] of [...this.#bots].slice(wanted)) {
      this.#bots.delete(slot)
      bot.leave()
    }
  }

  #addBot(user: string): void {
    const bot = this.meeting.addBot(user)
    this.#bots.set(bot.slot, bot)
  }

  #play(): void {
    const { state } = this
    // Without anybody to see it the clock is to stand still.
    if (!state.players.some(({ bot, slot }) => !bot && slot >= 0)) return
    for (const player of state.players)
      if (player.bot && player.slot < 0) this.#replaceBot(player)
      else this.#playBot(player)
  }

  /** A bot whose node has ended has left in the middle of the battle: another one takes its place. */
  #replaceBot({ user }: Player): void {
    if (!this.meeting.members.some((member) => member.user === user)) this.#addBot(user)
  }

  #playBot(player: Player): void {
    const wish = isUp(player) ? botWish(this.state, player, (below) => randomInt(below)) : null
    if (wish !== null) this.#bots.get(player.slot)?.send(wish)
  }

  /** Each player hears from the server how the round ended for them. */
  #tellResults(): void {
    const { round, won, frame, results } = this.state
    for (const { user, bot, ...result } of results) {
      if (bot) continue
      const of = { round, won, frame, fighters: results.length, room: this.meeting.name }
      // Who has gone meanwhile is not reached, which is no fault.
      this.#rtms.users.push(user, 'battle.result', { ...of, ...result }).catch(() => {})
    }
  }
}
