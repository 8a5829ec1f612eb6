/**
 * Runs `action` with a signal that aborts with `outer`, or after `ms` milliseconds: then it rejects with a
 * TimeoutError. Not an `AbortSignal.any` of an `AbortSignal.timeout`: Node collects such a time-out as garbage where
 * nobody else holds it, and then it never comes (nodejs/node#57736).
 */
export async function withDeadline<T>(
  ms: number,
  outer: AbortSignal,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(timedOut()), ms)
  const follow = (): void => controller.abort(outer.reason)
  if (outer.aborted) follow()
  else outer.addEventListener('abort', follow, { once: true })
  try {
    return await action(controller.signal)
  } catch (error) {
    // However what was interrupted tells of it.
    throw isTimeout(controller.signal.reason) ? controller.signal.reason : error
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', follow)
  }
}

function timedOut(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError')
}

/** Whether it was the deadline that ended the action. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
