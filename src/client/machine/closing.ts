import { closeCodes, type CloseReason, type ErrorCode, errors, RtmsError } from '../../protocol/index.ts'

/** Why the server closed, where its code says more than that the connection is gone. */
export function closeError(code: number): RtmsError | null {
  const name = (Object.keys(closeCodes) as CloseReason[]).find((reason) => closeCodes[reason] === code)
  return name !== undefined && name in errors ? new RtmsError(name as CloseReason & ErrorCode) : null
}

export function finalError(code: number, reason: string): RtmsError {
  return closeError(code) ?? new RtmsError('CLOSED', `Closed with ${code} ${reason}`)
}

/** Whether RTMS itself gave this close code, and it says more than that the connection is gone. */
export function isOwnCode(code: number): boolean {
  return code >= 4400 && code <= 4499
}
