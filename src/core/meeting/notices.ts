import type { MeetingLogic, SealedFrame } from '../ports.ts'

/** A member that has left. */
interface Departure {
  readonly slot: number
  readonly user: string
  readonly reason: string
}

/** What the business is to be told, in order, once the state is consistent again: it may call back. */
export class Notices {
  readonly #logic: MeetingLogic | null
  #notices: (SealedFrame | Departure)[] = []

  constructor(logic: MeetingLogic | null) {
    this.#logic = logic
  }

  get wantsFrames(): boolean {
    return this.#logic?.frame !== undefined
  }

  get wantsDepartures(): boolean {
    return this.#logic?.leave !== undefined
  }

  /** Whether it has yet to hear of somebody who has left, or had better not now. */
  get isBehind(): boolean {
    return this.#notices.some((notice) => 'slot' in notice) || this.#logic?.isBehind?.() === true
  }

  add(notice: SealedFrame | Departure): void {
    this.#notices.push(notice)
  }

  tell(): void {
    if (this.#notices.length === 0) return
    const notices = this.#notices
    this.#notices = []
    for (const notice of notices) {
      if ('number' in notice) this.#logic?.frame?.(notice)
      else this.#logic?.leave?.(notice.slot, notice.user, notice.reason)
    }
  }
}
