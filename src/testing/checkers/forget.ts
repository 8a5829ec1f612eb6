/** Deletes all entries whose key has this prefix. */
export function forget(map: Map<string, unknown>, prefix: string): void {
  for (const key of map.keys()) if (key.startsWith(prefix)) map.delete(key)
}
