/** Limits of the buses. */
export const busLimits: { readonly outboxBytes: number; readonly messageWeight: number } = {
  /** Bytes that may wait to be sent; what comes then is lost, and counted. */
  outboxBytes: 32 * 1024 * 1024,
  /** What a waiting message weighs beyond its bytes. */
  messageWeight: 100,
}

export function weighMessage(bytes: Uint8Array): number {
  return bytes.length + busLimits.messageWeight
}
