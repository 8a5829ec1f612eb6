import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that the system gives to whoever asks for any, so that nobody is given this one meanwhile. */
const FIRST = 20_000
const LAST = 32_767

/** What this process was given before: who asks for several may let none of them listen before it has all. */
const given = new Set<number>()

/** A free port of this machine, for a program that is told its port. */
export function freePort(): Promise<number> {
  return freePorts(1)
}

/** The first of so many free ports in a row. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(FIRST, LAST + 2 - count)
    const ports = Array.from({ length: count }, (_, at) => first + at)
    if (ports.some((port) => given.has(port))) continue
    for (const port of ports) given.add(port)
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return first
  }
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port)
  const isFree = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (!isFree) return false
  server.close()
  await once(server, 'close')
  return true
}
