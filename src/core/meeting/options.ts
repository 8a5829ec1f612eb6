import { limits, MAX_UINT } from '../../protocol/limits.ts'
import { fixedLimits } from '../ground/config.ts'

/** The options with which the business opens a meeting. */
export interface MeetingOptions {
  /** Frames a second, 1–60, or 0: a frame is sealed at each sweep that has input. */
  readonly frameRate: number
  /** Members at once, 1–255. */
  readonly capacity: number
  /** Time that an empty meeting is kept, in milliseconds. */
  readonly ttlMs: number
  /** The most bytes of one input's payload. */
  readonly inputBytes: number
  /** Inputs per member: sustained rate per second, and burst. */
  readonly inputsPerSecond: number
  readonly inputBurst: number
  /** Joins of one user per minute, 1–1000. Coming back to a seat that was kept is not a join. */
  readonly joinsPerMinute: number
  /** Inputs of one member, and bytes of all inputs, in one frame; the rest waits for the next. */
  readonly inputsPerFrame: number
  readonly frameBytes: number
  /** Delay after which spectators see a sealed frame, in milliseconds. The ring must hold that much time. */
  readonly spectatorDelayMs: number
  /** Other nodes of a cluster, 0 or 1, that keep a copy of the frames, to go on with them where this one ends. */
  readonly standby: number
  /**
   * Hash of the configuration that clients must run, at most 255 bytes of UTF-8: a client that joins with another one
   * is refused with CONFIG_MISMATCH. Empty: the hash that the first member names holds until the meeting ends.
   */
  readonly config: string
}

export const defaultMeeting: MeetingOptions = {
  frameRate: 20,
  capacity: 50,
  ttlMs: 300_000,
  inputBytes: 256,
  inputsPerSecond: 30,
  inputBurst: 60,
  joinsPerMinute: 20,
  inputsPerFrame: 8,
  frameBytes: 16_384,
  spectatorDelayMs: 0,
  standby: 0,
  config: '',
}

/** The least and the highest value of each option that is a number. With others, a meeting may never be done. */
export const meetingBounds: {
  readonly [O in Exclude<keyof MeetingOptions, 'config'>]: readonly [least: number, most: number]
} = {
  frameRate: [0, 60],
  capacity: [1, limits.slots],
  ttlMs: [1, MAX_UINT],
  inputBytes: [1, limits.input],
  inputsPerSecond: [1, MAX_UINT],
  inputBurst: [1, MAX_UINT],
  joinsPerMinute: [1, 1_000],
  inputsPerFrame: [1, MAX_UINT],
  frameBytes: [1, fixedLimits.frameBytes],
  spectatorDelayMs: [0, 3_600_000],
  standby: [0, 1],
}
