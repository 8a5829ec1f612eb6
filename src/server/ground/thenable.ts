/**
 * Whether `await` would wait for it. Promises of other libraries, and of other realms, are no instances of `Promise`.
 * Throws what reading its `then` throws.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { readonly then?: unknown }).then === 'function'
}
