import * as v from 'valibot'
import { type MeetingInfo, type MeetingOptions } from '../core/index.ts'
import { isName, limits, RtmsError } from '../protocol/index.ts'
import { checkName } from './check.ts'
import type { Host } from './host.ts'
import { defined } from './options.ts'

/** A room of this node, by its name: of two meetings that had the name one after the other it means the open one. */
export class Meeting {
  readonly name: string
  readonly #host: Host

  constructor(host: Host, name: string) {
    this.#host = host
    this.name = name
  }

  /** How it stands now. Throws CLOSED where it was closed. */
  get info(): MeetingInfo {
    const info = this.#host.node.meeting(this.name)
    if (info === undefined) throw new RtmsError('CLOSED', `the meeting ${this.name} was closed`)
    return info
  }

  /** Ends it for all. Without effect where it was closed. */
  close(): void {
    this.#host.run((node) => node.closeMeeting(this.name))
  }
}

/** What can be set of a meeting; the rest is as in `defaultMeeting`. */
export type OpenOptions = { readonly [K in keyof MeetingOptions]?: MeetingOptions[K] | undefined }

function integer(min: number, max: number) {
  const expected = `an integer from ${min} to ${max}`
  return v.optional(
    v.custom<number>(
      (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
      ({ input }) => `${String(input)} was given; expected ${expected}; leave it out for the default`,
    ),
  )
}

const MANY = Number.MAX_SAFE_INTEGER

const schema = v.strictObject({
  frameRate: integer(0, 60),
  capacity: integer(1, limits.slots),
  ttlMs: integer(1, MANY),
  inputBytes: integer(1, limits.input),
  inputsPerSecond: integer(1, MANY),
  inputBurst: integer(1, MANY),
  inputsPerFrame: integer(1, MANY),
  frameBytes: integer(1, MANY),
} satisfies Record<keyof MeetingOptions, unknown>)

function check(name: string, options: OpenOptions): void {
  const { issues } = v.safeParse(schema, options)
  if (issues === undefined) return
  const faults = issues.map((issue) => `  ${v.getDotPath(issue) ?? 'options'}: ${issue.message}`)
  throw new Error(`the meeting ${name} cannot be opened:\n${faults.join('\n')}`)
}

/** The meetings of this node. */
export class Meetings {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /**
   * Opens a meeting, or returns the one that is open under this name, as it is. Rejects with an `RtmsError`: BAD_NAME;
   * LIMIT where the node has too many; DRAINING or, later, CLOSED where it stops. With an Error that lists every option that is not valid.
   */
  async open(name: string, options: OpenOptions = {}): Promise<Meeting> {
    checkName('meeting', name, 'BAD_NAME')
    check(name, options)
    const opened = this.#host.command((node, now) => node.openMeeting(name, defined(options), now))
    if (typeof opened === 'string') throw new RtmsError(opened)
    return new Meeting(this.#host, name)
  }

  get(name: string): Meeting | undefined {
    return isName(name) && this.#host.node.meeting(name) !== undefined
      ? new Meeting(this.#host, name)
      : undefined
  }

  list(): MeetingInfo[] {
    return [...this.#host.node.meetings()]
  }

  /** Ends a meeting for all. Without effect where there is none of this name. */
  close(name: string): void {
    this.#host.run((node) => node.closeMeeting(name))
  }
}
