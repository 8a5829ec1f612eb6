import { type Client, connect, type Meeting, type RtmsError, type State as Connection } from 'rtms/client'
import {
  type Happening,
  type Player,
  RATE,
  type Result,
  type State,
  type Wish,
} from '../../../src/demo/battle/index.ts'
import { getTicket } from '../shell/guest.ts'
import { chosenNode } from '../shell/nodes.tsx'
import { type Break, Follower } from './follow.ts'
import { Meter } from './meter.ts'
import { Sound } from './sound.ts'

/** What the server pushes when a round is over. */
export interface OwnResult extends Omit<Result, 'user' | 'bot'> {
  readonly round: number
  readonly won: boolean
  readonly frame: number
  readonly fighters: number
  readonly room: string
}

/** Frames between two throws while the button is held: slower than who taps. */
const REPEAT = 8

declare global {
  interface Window {
    /** What this window knows, for tests and the curious. */
    rtmsBattle: {
      readonly state: State | null
      readonly frame: number
      readonly slot: number
      readonly connection: Connection
      readonly result: OwnResult | null
      readonly break: Break | null
      /** For the last 2,000 frames. */
      digestAt(frame: number): string | undefined
    }
  }
}

/** This window's part in the room: what came, what is sent, and who wants to know of it. */
export class Game {
  readonly room: string
  readonly sound: Sound = new Sound()
  readonly meter: Meter = new Meter(RATE)
  readonly client: Client
  connection: Connection = 'connecting'
  problem: unknown = null
  result: OwnResult | null = null
  #meeting: Meeting<Wish> | null = null
  #follower: Follower | null = null
  #throwing = false
  readonly #changed: () => void
  readonly #seen: (state: State, happenings: readonly Happening[]) => void

  /** `seen` gets what happened in frames that are live; `changed` is called after anything else changed. */
  constructor(
    room: string,
    changed: () => void,
    seen: (state: State, happenings: readonly Happening[]) => void,
  ) {
    this.room = room
    this.#changed = changed
    this.#seen = seen
    this.client = connect({
      getTicket: () => getTicket('battle', { room, node: chosenNode() }),
      socket: (url, protocols) => this.meter.socket(url, protocols),
      // A demo has few visitors, and they are fighting: no reason to wait for long.
      maxBackoffMs: 2_000,
    })
    this.client.onState((connection, error) => this.#connected(connection, error))
    this.client.onPush<OwnResult>('battle.result', (result) => {
      if (result.room !== `battle.${room}`) return
      this.result = result
      changed()
    })
    void this.#join()
    window.rtmsBattle = this
  }

  get state(): State | null {
    return this.#follower?.inStep === true ? this.#follower.state : null
  }

  get frame(): number {
    return this.state?.frame ?? 0
  }

  get slot(): number {
    return this.#meeting?.slot ?? -1
  }

  /** When the latest frame came. */
  get arrivedAt(): number {
    return this.#follower?.arrivedAt ?? 0
  }

  /** How much of the time until the next frame has passed. */
  get alpha(): number {
    return this.#follower?.alpha ?? 1
  }

  /** Applies what has come, before a picture is drawn. */
  advance(now: number): void {
    this.#follower?.advance(now)
  }

  get own(): Player | undefined {
    return this.#follower?.own
  }

  get break(): Break | null {
    return this.#follower?.break ?? null
  }

  digestAt(frame: number): string | undefined {
    return this.#follower?.digestAt(frame)
  }

  send(wish: Wish): void {
    this.sound.wake()
    this.#follower?.send(wish)
  }

  /** The button of firecrackers: each press is a throw, and a held one goes on. */
  throwing(held: boolean): void {
    if (held && !this.#throwing) this.send({ do: 'throw' })
    this.#throwing = held
  }

  leave(): void {
    this.#meeting?.leave()
  }

  async #join(): Promise<void> {
    try {
      const meeting = await this.client.join<Wish>(`battle.${this.room}`, { timeoutMs: Infinity })
      this.#meeting = meeting
      meeting.onEnd((error) => {
        // The room went with a restart of the server; the ticket of a new page opens it again.
        if (error.code === 'NOT_FOUND' || error.code === 'CLOSED') location.reload()
        else this.#fail(error)
      })
      this.#follower = new Follower(this.client, meeting, this.meter, (state, live) =>
        this.#applied(state, live),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  #applied(state: State, live: boolean): void {
    if (live && this.#throwing && state.frame % REPEAT === 0) this.#follower?.send({ do: 'throw' })
    if (live) {
      for (const happening of state.happenings) this.sound.play(happening, this.own?.id ?? 0)
      this.#seen(state, state.happenings)
    }
    this.#changed()
  }

  #connected(connection: Connection, error: RtmsError | null): void {
    this.connection = connection
    if (connection === 'connected') this.problem = null
    if (error !== null) this.problem = error
    this.#changed()
  }

  #fail(error: unknown): void {
    // What ended the connection is the cause; that calls ended with it is not news.
    this.problem ??= error
    this.#changed()
  }
}
