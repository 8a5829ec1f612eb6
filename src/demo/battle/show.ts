import { randomInt } from 'node:crypto'
import type { Bot, Meeting, MeetingFrame, Rtms } from '../../server/index.ts'
import { botNames, botWish } from './bots.ts'
import { step } from './rules.ts'
import { isUp, newState, RATE, type State } from './state.ts'

/* A battle to look at, where nobody fights one: bots fight it, for as long as somebody looks on. */

const KIND = 'show'
const FIGHTERS = 6
/** Frames that its end is seen. The next battle is another meeting, so that who comes late has few frames to fetch. */
const OVER = 8 * RATE

/** The meeting of the show, opened where it is not. */
export function showOf(rtms: Rtms): () => Promise<Meeting> {
  const shows = new Map<string, Show>()
  rtms.meetings.define(KIND, {
    frameRate: RATE,
    capacity: FIGHTERS,
    ttlMs: 60_000,
    // Nobody but its bots is let in.
    onJoin: () => false,
    onOpen: (meeting) => void shows.set(meeting.name, new Show(meeting)),
    onFrame: (frame, { name }) => shows.get(name)?.follow(frame),
    onClose: ({ name }) => void shows.delete(name),
  })
  return () => rtms.meetings.open(KIND, { kind: KIND })
}

class Show {
  readonly #meeting: Meeting
  readonly #state: State = newState()
  readonly #bots: Map<number, Bot>
  #over = 0

  constructor(meeting: Meeting) {
    this.#meeting = meeting
    // The rules hold them for people: so they are ready, start, and fight on without any.
    const bots = botNames.slice(0, FIGHTERS).map((name) => meeting.addBot(`${name}~show`))
    this.#bots = new Map(bots.map((bot) => [bot.slot, bot]))
  }

  follow(frame: MeetingFrame): void {
    const state = this.#state
    step(state, frame)
    const [first] = this.#bots.values()
    if (state.phase === 'lobby' && state.frame === 1) {
      first?.send({ do: 'set', seats: FIGHTERS, long: false })
      first?.send({ do: 'start', seed: randomInt(1, 2 ** 32) })
    } else if (state.phase === 'battle') this.#play()
    else if (state.phase === 'over' && ++this.#over === OVER) this.#meeting.close()
  }

  #play(): void {
    for (const player of this.#state.players) {
      const wish = isUp(player) ? botWish(this.#state, player, (below) => randomInt(below)) : null
      if (wish !== null) this.#bots.get(player.slot)?.send(wish)
    }
  }
}
