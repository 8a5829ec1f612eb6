import type { Codec } from '../../../src/protocol/codec.ts'
import { RtmsError } from '../../../src/protocol/errors.ts'
import { decodeEvent, eachFrame, type FrameEntry } from '../../../src/protocol/frames.ts'
import { SYSTEM_SLOT } from '../../../src/protocol/limits.ts'
import { eachPublication, type PublicationEntry } from '../../../src/protocol/publications.ts'
import type { Message, Side } from '../../../src/protocol/schema.ts'

/** Everything a peer reads from a packet: the messages, and what their frames and publications hold. */
export interface Contents {
  readonly messages: readonly Message[]
  readonly frames: readonly FrameEntry[]
  readonly publications: readonly PublicationEntry[]
  /** Frames visited, the empty ones included. */
  readonly visited: number
}

/** Decodes a packet down to the last event, as a receiver would. */
export function readAll(codec: Codec, packet: Uint8Array | string, from: Side): Contents {
  const messages = codec.decode(packet, from)
  const frames: FrameEntry[] = []
  const publications: PublicationEntry[] = []
  let visited = 0
  for (const message of messages) {
    if (message.type === 'frames') {
      eachFrame(message.frames, message.first, message.count, (_frame, entries) => {
        visited++
        frames.push(...entries)
      })
    }
    if (message.type === 'publications') {
      eachPublication(message.publications, message.at, (entry) => publications.push(entry))
    }
  }
  for (const entry of frames) if (entry.slot === SYSTEM_SLOT) decodeEvent(entry)
  return { messages, frames, publications, visited }
}

/** The contents, or the message of the PROTOCOL error. Anything else that is thrown passes through. */
export function readOrRefuse(codec: Codec, packet: Uint8Array | string, from: Side): Contents | string {
  try {
    return readAll(codec, packet, from)
  } catch (error) {
    if (error instanceof RtmsError && error.code === 'PROTOCOL') return error.message
    throw error
  }
}

/** Every byte array inside a value. */
export function byteArraysIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(byteArraysIn)
}

export const fromHex = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
