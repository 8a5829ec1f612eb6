import { SUBJECT_BYTES } from '../core/index.ts'
import { utf8Length } from '../protocol/bytes.ts'
import { busLimits } from './limits.ts'

const LONE = /\p{Surrogate}/u

/** Throws where a text cannot be a subject: UTF-8 has no lone surrogates, so two subjects would be one on the wire. */
export function checkSubject(subject: string): void {
  if (utf8Length(subject) > SUBJECT_BYTES)
    throw new RangeError(
      `a subject of the bus has at most ${SUBJECT_BYTES} bytes; this one begins ${subject.slice(0, 40)}`,
    )
  if (LONE.test(subject)) throw new TypeError('a subject of the bus has a lone surrogate, which is no text')
}

/** Throws where a message is too large for any bus. */
export function checkMessage({ length }: Uint8Array): void {
  const { messageBytes } = busLimits
  if (length > messageBytes)
    throw new RangeError(`a message on the bus has at most ${messageBytes} bytes; this one has ${length}`)
}
