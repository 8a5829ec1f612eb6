import { closeCodes, type CloseReason, type ErrorCode, errors, RtmsError } from '../../protocol/index.ts'

/** The error of a close code; null where the code says no more than that the connection is gone. */
export function closeError(code: number): RtmsError | null {
  const name = Object.keys(closeCodes).find((reason) => closeCodes[reason as CloseReason] === code)
  return (name as string) in errors ? new RtmsError(name as ErrorCode) : null
}

/** Whether the close code is one of RTMS's own and says more than that the connection is gone. */
export function isOwnCode(code: number): boolean {
  return code >= 4400 && code <= 4499
}
