import type { Bot, MeetingBusiness, MeetingLogic, Refusal, SealedFrame } from '../core/index.ts'
import type { Payload } from '../protocol/index.ts'
import { type Observer, violate } from './observer.ts'
import type { Random } from './random.ts'
import type { MeetingPlan } from './scenario.ts'
import type { SimNode } from './sim-node.ts'
import { textOf, textPayload } from './text.ts'

const refused: Refusal = { code: 'FORBIDDEN', message: 'not you', retryAfterMs: 0 }
/** The outcome of a hook that throws. */
const failed: Refusal = { code: 'HANDLER_FAILED', message: 'the hook threw', retryAfterMs: 0 }

interface Player {
  readonly bot: Bot
  readonly user: string
}

/** The business of one meeting: refuses, replaces, fails, sends to members, plays bots. */
export class SimRoom implements MeetingLogic {
  readonly #node: SimNode
  readonly #plan: MeetingPlan
  readonly #random: Random
  readonly #observer: Observer
  readonly #unique: () => number
  /** The world of the meeting that was opened. */
  world = 0
  /** The last frame that it was told of. */
  #last = 0
  /** Called when the meeting has come from another node. */
  restored: () => void = () => {}
  /** Called when it goes on behind a frame, because its node has ended. */
  revived: (frame: number) => void = () => {}
  readonly #bots: Player[] = []

  constructor(node: SimNode, plan: MeetingPlan, random: Random, observer: Observer, unique: () => number) {
    this.#node = node
    this.#plan = plan
    this.#random = random
    this.#observer = observer
    this.#unique = unique
  }

  get business(): MeetingBusiness {
    return { kind: 'sim', metadata: {}, logic: this }
  }

  #ran(hook: string): void {
    this.#observer.hook?.(this.#plan.name, hook)
  }

  join(slot: number, user: string): Refusal | null {
    const refusal = this.#random.chance(0.1) ? this.#random.pick([refused, failed]) : null
    this.#ran(refusal === null ? 'join' : `join ${refusal.code}`)
    if (refusal === null) this.#observer.seated?.(this.#node.index, this.#plan.name, slot, user)
    if (this.#random.chance(0.1)) this.seatBots()
    return refusal
  }

  input(slot: number, user: string, data: Payload): Payload | Refusal {
    const text = textOf(data)
    const { name } = this.#plan
    this.#observer.inputAsked?.(this.#node.index, name, text)
    const dice = this.#random.unit()
    if (dice < 0.06) {
      const refusal = dice < 0.03 ? refused : failed
      this.#ran(`input ${refusal.code}`)
      this.#observer.inputDropped?.(this.#node.index, name, text)
      return refusal
    }
    if (dice < 0.15) this.#speakTo(slot, user)
    if (dice < 0.9) {
      this.#observer.inputTaken?.(this.#node.index, name, slot, text)
      return data
    }
    this.#ran('input replaced')
    const by = `stamped ${text}`
    this.#observer.inputTaken?.(this.#node.index, name, slot, by)
    this.#observer.inputReplaced?.(this.#node.index, name, text, by)
    return textPayload(by)
  }

  frame(frame: SealedFrame): void {
    this.#last = frame.number
    this.#observer.sealed?.(this.#node.index, this.#plan.name, this.world, frame)
  }

  leave(slot: number, user: string, reason: string): void {
    this.#ran(`leave ${reason}`)
    this.#observer.unseated?.(this.#node.index, this.#plan.name, slot, user)
  }

  isBehind(): boolean {
    return this.#random.chance(0.5)
  }

  close(): void {
    this.#ran('close')
  }

  snapshot(): Payload | null {
    const isHad = !this.#random.chance(0.03)
    this.#ran(isHad ? 'snapshot' : 'snapshot that fails')
    return isHad ? textPayload(`${this.world} ${this.#last}`) : null
  }

  moved(): void {
    this.#bots.length = 0
  }

  restore(state: Payload | null): void {
    const [world = 0, last = 0] = state === null ? [] : textOf(state).split(' ').map(Number)
    const { name } = this.#plan
    const { core, index } = this.#node
    this.world = world
    this.#last = last
    this.restored()
    const info = core.meeting(name)
    if (info?.epoch !== world || info.frame !== last)
      violate('I9', `${name} came with frame ${last} of ${world}, and is at ${info?.frame} of ${info?.epoch}`)
    for (const { bot, slot, user } of info.members) if (!bot) this.#observer.seated?.(index, name, slot, user)
    for (const bot of core.bots(name)) this.#bots.push({ bot, user: bot.user })
  }

  /** Its node has ended, and this one goes on with the frames. */
  revive(): void {
    const { name } = this.#plan
    const { core, index } = this.#node
    const info = core.meeting(name)
    if (info === undefined) return violate('I9', `${name} is revived at node ${index} and not open`)
    this.#ran('revive')
    this.world = info.epoch
    this.#last = info.frame
    this.revived(info.frame)
    for (const { bot, slot, user } of info.members) if (!bot) this.#observer.seated?.(index, name, slot, user)
  }

  #speakTo(slot: number, user: string): void {
    const { name } = this.#plan
    const text = `direct ${user} ${name} ${this.#unique()}`
    this.#observer.sentTo?.(user, name, text)
    this.#node.core.sendTo(name, slot, textPayload(text))
  }

  /** Adds as many bots as planned, if there is room. */
  seatBots(): void {
    const { name, bots } = this.#plan
    while (this.#bots.length < bots) {
      const user = `bot${this.#bots.length}`
      const bot = this.#node.core.addBot(name, user)
      this.#ran(typeof bot === 'string' ? `bot ${bot}` : 'bot')
      if (typeof bot === 'string') return
      this.#bots.push({ bot, user })
    }
  }

  /** A bot sends an input, or leaves. */
  act(): void {
    if (this.#bots.length === 0) return
    const at = this.#random.int(0, this.#bots.length - 1)
    const { bot, user } = this.#bots[at] as Player
    if (this.#random.chance(0.05)) {
      bot.leave()
      this.#bots.splice(at, 1)
      return
    }
    const text = `input ${user} ${this.#plan.name} ${this.#unique()}`
    this.#observer.botInput?.(user, this.#plan.name, text)
    const refusal = bot.send(textPayload(text))
    if (refusal === null)
      return this.#observer.inputTaken?.(this.#node.index, this.#plan.name, bot.slot, text)
    this.#ran(`bot input ${refusal}`)
    if (refusal === 'CLOSED') this.#bots.splice(at, 1)
  }
}
