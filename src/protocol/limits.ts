/** The range of protocol versions that this implementation speaks. */
export const versions: { readonly least: number; readonly most: number } = { least: 1, most: 1 }

export function isSpoken(version: number): boolean {
  return version >= versions.least && version <= versions.most
}

/** Sizes fixed by the protocol, in bytes unless said otherwise. WELCOME names those that a node may lower. */
export const limits = {
  /** Largest packet (one WebSocket message) a client may send. */
  packet: 65_536,
  /** Largest payload of an input; a meeting may lower it. */
  input: 4_096,
  /** Largest payload of a publication, a push, a request or a reply. */
  payload: 32_768,
  /** Longest name of a topic, meeting, user or method, and longest key, in bytes of UTF-8. */
  name: 255,
  /** Longest access token. */
  token: 8_192,
  /** Longest reason or error message for people, in bytes of UTF-8: what a WebSocket close frame can carry. */
  reason: 123,
  /** Messages in one packet from a client. */
  messages: 1_024,
  /** Topics in one SUBSCRIBE, logs in one UNSUBSCRIBE. */
  batch: 1_000,
  /** Publishers in one position. */
  publishers: 64,
  /** Publishers that a node names to its clients, itself included. */
  nodePublishers: 65_536,
  /** Keys named in one subscription: even at full length they fit into a packet. */
  keys: 240,
  /** Bytes of frames that a client keeps in one piece, and shows a node that asks. */
  kept: 49_152,
  /** Frames in one FRAMES. A run of empty ones costs its sender a few bytes, but its reader one visit each. */
  frames: 65_536,
  /** Slots of members: 0–254; 255 is the system's. */
  slots: 255,
} as const

/** The most messages in a packet from this side. A server limits its packets by bytes instead. */
export function maxMessages(from: 'client' | 'server' | 'both'): number {
  return from === 'client' ? limits.messages : Infinity
}

/** The slot whose entries in a frame are system events. */
export const SYSTEM_SLOT = 255

/** The largest integer on the wire: a double holds every integer up to it exactly. */
export const MAX_UINT: number = Number.MAX_SAFE_INTEGER

/** The largest magnitude of a signed integer: folded (zigzag), or as the difference of two, it still fits a uint. */
export const MAX_SIGNED: number = 2 ** 52 - 1
