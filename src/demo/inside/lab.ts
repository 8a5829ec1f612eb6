import { randomBytes } from 'node:crypto'
import type { Bot, Rtms } from '../../server/index.ts'

/** Steps of the one timer that moves all labs; at the fastest feed a step brings several entries. */
export const STEP_MS = 50
/** A feed rests when nobody has looked for so long. */
const REST_MS = 15_000
const BOT_EVERY_STEPS = 10
const KEYS = ['A', 'B', 'C', 'D', 'E', 'F']
/** Makes an entry as large as a modest message, so that credit is seen to move. */
const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(4)

export const speeds = [5, 20, 100] as const
export type Speed = (typeof speeds)[number]

/** One visitor's own meeting and topic. */
export class Lab {
  /** Of the meeting and of the topic. */
  readonly name: string
  user: string
  speed: Speed = 20
  seenAt: number
  readonly #rtms: Rtms
  #bot: Bot | null = null
  #steps = 0
  #owed = 0
  #published = 0

  constructor(rtms: Rtms, user: string, now: number) {
    this.#rtms = rtms
    this.user = user
    this.seenAt = now
    this.name = `inside.${randomBytes(6).toString('hex')}`
  }

  async open(): Promise<void> {
    const meeting = await this.#rtms.meetings.open(this.name, { frameRate: 10, capacity: 8 })
    if (!meeting.members.some(({ bot }) => bot)) this.#bot = meeting.addBot('Metronome')
  }

  step(now: number): void {
    if (now - this.seenAt > REST_MS) return
    this.#owed += (this.speed * STEP_MS) / 1000
    for (; this.#owed >= 1; this.#owed--) this.#publish()
    if (this.#steps++ % BOT_EVERY_STEPS === 0) this.#beat()
  }

  #publish(): void {
    const n = ++this.#published
    this.#rtms.topics.publish(this.name, { n, text: TEXT }, { key: KEYS[n % KEYS.length] })
  }

  /** The clock stands still while nobody is connected, and the bot with it. */
  #beat(): void {
    const meeting = this.#rtms.meetings.get(this.name)
    if (meeting?.members.some(({ bot, away }) => !bot && !away)) this.#bot?.send({ beat: this.#steps })
  }

  /** How the server sees this visitor's session. */
  async view(): Promise<object> {
    const session = (await this.#rtms.users.list({ user: this.user })).at(-1) ?? null
    const frame = this.#rtms.meetings.get(this.name)?.info.frame ?? 0
    return { session, frame, published: this.#published, speed: this.speed }
  }

  close(): void {
    this.#rtms.meetings.close(this.name)
  }
}
