/** The longest wait a Node timer keeps, in milliseconds; a longer one would fire at once. */
export const MAX_WAIT_MS: number = 2 ** 31 - 1

/**
 * Runs `action` with a signal that aborts with `outer` or after `ms` milliseconds, when it rejects with a TimeoutError.
 * `AbortSignal.any` of an `AbortSignal.timeout` does not work: Node may collect the time-out as garbage when nothing
 * else holds it, and then it never fires (nodejs/node#57736).
 */
export async function withDeadline<T>(
  ms: number,
  outer: AbortSignal,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(timedOut()), Math.min(ms, MAX_WAIT_MS))
  const follow = (): void => controller.abort(outer.reason)
  if (outer.aborted) follow()
  else outer.addEventListener('abort', follow, { once: true })
  try {
    return await action(controller.signal)
  } catch (error) {
    // The interrupted action may report the abort in any way.
    throw isTimeout(controller.signal.reason) ? controller.signal.reason : error
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', follow)
  }
}

function timedOut(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError')
}

/** Whether the deadline ended the action. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
