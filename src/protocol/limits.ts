/** The versions of the protocol that are spoken here: from the least to the most. */
export const versions: { readonly least: number; readonly most: number } = { least: 1, most: 1 }

export function isSpoken(version: number): boolean {
  return version >= versions.least && version <= versions.most
}

/** Sizes fixed by the protocol, in bytes unless said otherwise. What a node may lower is told in WELCOME. */
export const limits = {
  /** Largest packet (one WebSocket message) a client may send. */
  packet: 65_536,
  /** Largest payload of an input; a meeting may lower it. */
  input: 4_096,
  /** Largest payload of a publication, a push, a request or a reply. */
  payload: 32_768,
  /** A topic, meeting, user or method name, a key, in bytes of UTF-8. */
  name: 255,
  /** An access token. */
  token: 8_192,
  /** A reason or an error message for people, in bytes of UTF-8 (what a close frame can carry). */
  reason: 123,
  /** Messages in one packet from a client. */
  messages: 1_024,
  /** Topics in one SUBSCRIBE, logs in one UNSUBSCRIBE. */
  batch: 1_000,
  /** Publishers in one position. */
  publishers: 64,
  /** Publishers that a node names to its clients, itself included. */
  nodePublishers: 65_536,
  /** Keys named in one subscription: as long as may be, they fit into a packet. */
  keys: 240,
  /** Frames in one FRAMES: a run of empty ones costs its sender a byte or two, its reader one visit each. */
  frames: 65_536,
  /** Slots of members: 0–254; 255 is the system's. */
  slots: 255,
} as const

/** How many messages a packet from this side may hold. A server fills its writes by bytes and is not counted. */
export function maxMessages(from: 'client' | 'server' | 'both'): number {
  return from === 'client' ? limits.messages : Infinity
}

/** The slot whose entries in a frame are system events. */
export const SYSTEM_SLOT = 255

/** The largest integer on the wire: what a double holds exactly. */
export const MAX_UINT: number = Number.MAX_SAFE_INTEGER

/** The largest magnitude of a signed integer: folded, and as the difference of two, it is still a uint. */
export const MAX_SIGNED: number = 2 ** 52 - 1
