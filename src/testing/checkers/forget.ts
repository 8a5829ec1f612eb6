/** Forgets all that is noted under keys with this beginning. */
export function forget(map: Map<string, unknown>, prefix: string): void {
  for (const key of map.keys()) if (key.startsWith(prefix)) map.delete(key)
}
