import { now, sleep } from './clock.mjs'

const SEQ_DIGITS = 9
const TIME_DIGITS = 15

/** The text of a publication: its number, when it was made, and filling up to `bytes` bytes. */
export function compose(seq, time, bytes) {
  const head = String(seq).padStart(SEQ_DIGITS, '0') + time.toFixed(3).padStart(TIME_DIGITS, '0')
  return head.padEnd(bytes, 'x')
}

export const readSeq = (buffer, at) => Number(buffer.latin1Slice(at, at + SEQ_DIGITS))

export const readTime = (buffer, at) =>
  Number(buffer.latin1Slice(at + SEQ_DIGITS, at + SEQ_DIGITS + TIME_DIGITS))

/**
 * Gives `publish` a burst of texts every `interval` milliseconds. A program that takes longer gets the next burst as
 * soon as the event loop comes round: late bursts are never given together, which would be less work.
 *
 * @param {{ bursts: number, perBurst: number, interval: number, bytes: number, from: number }} feed
 * @param {(texts: string[]) => void} publish
 */
export async function feed({ bursts, perBurst, interval, bytes, from }, publish) {
  let due = now()
  let seq = from
  for (let burst = 0; burst < bursts; burst++) {
    const time = now()
    publish(Array.from({ length: perBurst }, () => compose(seq++, time, bytes)))
    due = Math.max(due + interval, now())
    await sleep(Math.max(0, due - now()))
  }
}
