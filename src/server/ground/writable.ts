/** In the place of a value that others have chosen. */
export const TOO_DEEP = 'It is nested too deeply to be shown.'

/**
 * The value, or something else in its place where it cannot be written as JSON: a client may publish what is nested too
 * deeply, and a business may keep what has no JSON form. Neither may spoil what is told of others.
 */
export function writable<T>(value: T, instead: T): T {
  try {
    // Whoever writes it puts something around it, and may call from further down.
    JSON.stringify([[[[[[[[value]]]]]]]])
    return value
  } catch {
    return instead
  }
}
